from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inception.plan.proxies import Proxies
from inception.probe import daemon
from inception.probe.engine import EngineAnswers, describe_engine, parse_networks

INFO = {
    "Name": "vm",
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "2",
    "Driver": "overlay2",
    "DockerRootDir": "/var/lib/docker",
    "SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"],
}
VERSION = {"Version": "26.1.5+dfsg1", "ApiVersion": "1.45"}


def _answers(**changes: Any) -> EngineAnswers:
    answers = EngineAnswers(
        endpoint="unix:///var/run/docker.sock",
        info=INFO,
        version=VERSION,
        networks=("172.17.0.0/16",),
        known=("SYS_ADMIN", "SYS_RESOURCE"),
        daemon=1,
        local=True,
    )
    return replace(answers, **changes)


def test_engine_out_of_its_answers() -> None:
    facts = describe_engine(_answers(), ("SYS_ADMIN", "BPF"))
    assert (facts.name, facts.version, facts.api_version) == ("vm", "26.1.5+dfsg1", "1.45")
    assert (facts.cgroup_version, facts.cgroup_driver) == (2, "cgroupfs")
    assert (facts.storage_driver, facts.data_root) == ("overlay2", "/var/lib/docker")
    assert (facts.capabilities, facts.privileged) == (("SYS_ADMIN",), False)
    assert facts.security_options == ("name=seccomp,profile=default", "name=cgroupns")
    assert (facts.endpoint, facts.local) == ("unix:///var/run/docker.sock", True)


def test_a_podman_is_recognised_by_its_components() -> None:
    components = [{"Name": "Podman Engine", "Version": "4.3.1"}, {"Name": "Conmon", "Version": "2.1.6"}]
    version = {"Version": "4.3.1", "ApiVersion": "1.41", "Components": components}
    assert describe_engine(_answers(version=version), ()).podman


@pytest.mark.parametrize("components", [None, [], [{"Name": "Engine", "Version": "26.1.5"}, {"Name": "containerd"}]])
def test_a_docker_is_not_taken_for_a_podman(components: object) -> None:
    assert not describe_engine(_answers(version={**VERSION, "Components": components}), ()).podman


def test_an_engine_without_a_cgroup_version_has_version_1() -> None:
    info = {key: value for key, value in INFO.items() if key not in {"CgroupVersion", "SecurityOptions"}}
    facts = describe_engine(_answers(info=info, daemon=None, local=False), ())
    assert facts.cgroup_version == 1
    assert facts.security_options == ()
    assert not facts.local


def test_networks_without_addresses_and_of_ipv6_are_left_out() -> None:
    answer: list[dict[str, Any]] = [
        {"IPAM": {"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}, {"Subnet": "fd00::/64"}]}},
        {"IPAM": {"Config": []}},
        {"IPAM": {"Config": None}},
        {"IPAM": {"Config": [{"Gateway": "192.0.2.1"}]}},
    ]
    assert parse_networks(answer) == ("172.17.0.0/16",)


def test_an_engine_over_tcp_has_no_process_here() -> None:
    assert daemon.find_daemon("tcp://192.0.2.1:2376") is None


def _proc(directory: Path, programs: dict[int, str]) -> Path:
    for pid, program in programs.items():
        (directory / str(pid)).mkdir()
        (directory / str(pid) / "comm").write_text(f"{program}\n")
    (directory / "self").mkdir()
    return directory


@pytest.mark.parametrize(
    ("programs", "found"),
    [
        ({os.getpid(): "dockerd", 7: "dockerd"}, os.getpid()),
        ({os.getpid(): "podman"}, os.getpid()),
        # Socket activation: the listener is systemd.
        ({os.getpid(): "systemd", 7: "dockerd"}, 7),
        ({os.getpid(): "systemd", 7: "dockerd", 8: "dockerd"}, None),
        ({os.getpid(): "systemd"}, None),
    ],
)
def test_the_engine_is_the_listener_or_the_only_one_running(
    programs: dict[int, str], found: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_PROC", _proc(tmp_path, programs))
    monkeypatch.setattr(daemon, "_PID_FILES", ())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        listener.listen()
        assert daemon.find_daemon(f"unix://{tmp_path}/docker.sock") == found


@pytest.mark.parametrize(("pid_file", "found"), [("8", 8), ("9", None), ("", None)])
def test_the_pid_file_decides_among_several_engines(
    pid_file: str, found: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_PROC", _proc(tmp_path, {os.getpid(): "systemd", 7: "dockerd", 8: "dockerd"}))
    (tmp_path / "docker.pid").write_text(pid_file)
    monkeypatch.setattr(daemon, "_PID_FILES", (tmp_path / "absent.pid", tmp_path / "docker.pid"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        listener.listen()
        assert daemon.find_daemon(f"unix://{tmp_path}/docker.sock") == found


def test_sees_directory_compares_the_directories_of_two_processes(tmp_path: Path) -> None:
    assert daemon.sees_directory(os.getpid(), tmp_path)
    assert daemon.sees_directory(os.getpid(), tmp_path / "absent" / "deeper")
    gone = 4_194_305  # above the greatest pid_max
    assert not daemon.sees_directory(gone, tmp_path)


def test_the_ways_outward_of_an_engine_are_read() -> None:
    info = {
        **INFO,
        "HttpProxy": "",
        "HttpsProxy": "http://proxy.example:3128",
        "NoProxy": "intern.example",
        "RegistryConfig": {
            "InsecureRegistryCIDRs": ["127.0.0.0/8", "192.0.2.0/24", "::1/128"],
            "IndexConfigs": {"docker.io": {"Secure": True}, "registry.example:5000": {"Secure": False}},
            "Mirrors": ["https://mirror.example/"],
        },
    }
    facts = describe_engine(_answers(info=info), ())
    assert facts.proxies == Proxies(https="http://proxy.example:3128", exempt=("intern.example",))
    assert facts.registry_mirrors == ("https://mirror.example/",)
    assert facts.insecure_registries == ("registry.example:5000", "192.0.2.0/24")


def test_an_engine_without_ways_outward_has_none() -> None:
    facts = describe_engine(_answers(info={**INFO, "RegistryConfig": None}), ())
    assert (facts.proxies, facts.registry_mirrors, facts.insecure_registries) == (None, (), ())
