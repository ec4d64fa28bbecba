from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inception.level.standalone.engine import configure_standalone, default_mtu
from inception.level.standalone.settings import StandaloneSettings, WrongSetting
from inception.plan.engine.settings import DockerdConfiguration, SettingsFile

HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT"


def _configuration(settings: StandaloneSettings, *files: SettingsFile) -> DockerdConfiguration:
    return configure_standalone(settings, files, Path("/var/lib/docker"), "26.1.5")


def _settings(settings: StandaloneSettings, *files: SettingsFile) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(_configuration(settings, *files).settings)
    return made


def test_dockerd_listens_at_its_socket_alone_without_a_port() -> None:
    assert _settings(StandaloneSettings())["hosts"] == ["unix:///run/docker.sock"]
    assert "tcp://0.0.0.0:2375" in _settings(StandaloneSettings(port=2375))["hosts"]


def test_a_port_without_tls_gets_tls_false() -> None:
    assert _settings(StandaloneSettings(port=2375))["tls"] is False
    assert "tls" not in _settings(StandaloneSettings(port=2376, daemon_arguments=("--tlsverify",)))
    assert "tls" not in _settings(StandaloneSettings())
    file = SettingsFile(source="d.json", text='{"tlsverify": true, "tlscert": "/c.pem"}')
    assert "tls" not in _settings(StandaloneSettings(port=2376), file)


@pytest.mark.parametrize(
    ("arguments", "file", "lacks"),
    [
        ((), "{}", "neither encryption nor authentication"),
        (("--tls=false",), "{}", "neither encryption nor authentication"),
        (("--tls",), "{}", "no authentication"),
        ((), '{"tls": true}', "no authentication"),
        (("--tlsverify=0",), '{"tlsverify": true}', "no authentication"),
        (("--tlsverify", "-D"), "{}", None),
        ((), '{"tlsverify": true}', None),
    ],
)
def test_a_port_is_warned_of_by_what_it_lacks(arguments: tuple[str, ...], file: str, lacks: str | None) -> None:
    settings = StandaloneSettings(port=2375, daemon_arguments=arguments)
    notes = _configuration(settings, SettingsFile(source="d.json", text=file)).notes
    if lacks is None:
        assert notes == ()
    else:
        (note,) = notes
        assert f"port 2375 of this container is root in it: it has {lacks} (" in note


def test_the_users_arguments_win_over_settings() -> None:
    made = _configuration(StandaloneSettings(daemon_arguments=("--log-level=debug", "--mtu=1200")))
    assert made.arguments == ("--log-level=debug", "--mtu=1200")
    assert not {"log-level", "mtu"} & json.loads(made.settings).keys()


def test_containers_have_todays_limit_of_open_files() -> None:
    assert _settings(StandaloneSettings())["default-ulimits"]["nofile"]["Soft"] == 1024


def test_a_file_of_settings_is_obeyed_and_an_invalid_one_named() -> None:
    made = _configuration(StandaloneSettings(), SettingsFile(source="d.json", text='{"log-level": "debug"}'))
    assert json.loads(made.settings)["log-level"] == "debug"
    with pytest.raises(WrongSetting, match=r"d\.json is not JSON"):
        _configuration(StandaloneSettings(), SettingsFile(source="d.json", text="{"))


def test_mtu_is_that_of_the_default_route(tmp_path: Path) -> None:
    for link, mtu in (("eth0", "1400"), ("eth1", "9000")):
        (tmp_path / link).mkdir()
        (tmp_path / link / "mtu").write_text(f"{mtu}\n")
    near = "eth1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0"
    out = "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0"
    assert default_mtu(f"{HEADER}\n{near}\n{out}\n", tmp_path) == 1400
    assert default_mtu(f"{HEADER}\n{near}\n", tmp_path) is None
