from __future__ import annotations

from pathlib import Path

from inception.level.standalone.engine import dockerd_command, mtu_options
from inception.plan.standalone import StandaloneSettings

HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT"


def _command(settings: StandaloneSettings) -> list[str]:
    return dockerd_command(settings, Path("/var/lib/docker"), "warn")


def test_dockerd_listens_at_its_socket_alone_without_a_port() -> None:
    hosts = [word for word in _command(StandaloneSettings()) if word.startswith("--host=")]
    assert hosts == ["--host=unix:///run/docker.sock"]
    assert "--host=tcp://0.0.0.0:2375" in _command(StandaloneSettings(port=2375))


def test_a_port_without_tls_gets_tls_false() -> None:
    assert "--tls=false" in _command(StandaloneSettings(port=2375))
    assert "--tls=false" not in _command(StandaloneSettings(port=2376, daemon_arguments=("--tlsverify",)))
    assert "--tls=false" not in _command(StandaloneSettings())


def test_the_users_arguments_come_last() -> None:
    command = _command(StandaloneSettings(daemon_arguments=("--log-level=debug", "--mtu=1200")))
    assert command[-2:] == ["--log-level=debug", "--mtu=1200"]


def test_mtu_is_that_of_the_default_route(tmp_path: Path) -> None:
    for link, mtu in (("eth0", "1400"), ("eth1", "9000")):
        (tmp_path / link).mkdir()
        (tmp_path / link / "mtu").write_text(f"{mtu}\n")
    near = "eth1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0"
    out = "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0"
    assert mtu_options(f"{HEADER}\n{near}\n{out}\n", tmp_path) == ("--mtu=1400",)
    assert mtu_options(f"{HEADER}\n{near}\n", tmp_path) == ()
