from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inception.plan.engine.proxies import Proxies
from inception.probe.engine import EngineAnswers, describe_engine, parse_networks
from inception.probe.surroundings import Surroundings

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
        surroundings=Surroundings(daemon=1, shares_run_root=True),
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
    facts = describe_engine(_answers(info=info, surroundings=Surroundings()), ())
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
