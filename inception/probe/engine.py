"""Ask the engine about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import docker

from inception.plan.engine.proxies import hides_proxy, proxies_of_engine
from inception.plan.facts import EngineFacts
from inception.plan.light_dataclasses import dataclass
from inception.probe.capabilities import ask_known, decide
from inception.probe.surroundings import Surroundings, find_surroundings

_PODMAN = "Podman Engine"


@dataclass(frozen=True, kw_only=True)
class EngineAnswers:
    """Answers of an engine, and where this client runs as it sees it.

    `networks` are its networks' IPv4 subnets (CIDR), `known` the names of capabilities that it accepts.
    """

    endpoint: str
    info: Mapping[str, Any]
    version: Mapping[str, Any]
    networks: tuple[str, ...]
    known: tuple[str, ...]
    surroundings: Surroundings


def ask_engine(client: docker.APIClient, *, endpoint: str, local: bool, run_root: str) -> EngineAnswers:
    """Ask the engine about itself; `local`: it listens on a socket of this machine, and may see our `run_root`.

    Raises docker.errors.APIError if it refuses an answer.
    """
    info = client.info()
    return EngineAnswers(
        endpoint=endpoint,
        info=info,
        version=client.version(),
        networks=parse_networks(client.networks()),
        known=ask_known(client),
        surroundings=find_surroundings(client, endpoint=endpoint, info=info, run_root=Path(run_root))
        if local
        else Surroundings(),
    )


def parse_networks(networks: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the IPv4 subnets (CIDR) in the answer to `GET /networks`."""
    configs = (config for network in networks for config in (network.get("IPAM") or {}).get("Config") or ())
    return tuple(config["Subnet"] for config in configs if "." in config.get("Subnet", ""))


def parse_mirrors(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the URLs of the registry mirrors in the answer to `GET /info`."""
    return tuple((info.get("RegistryConfig") or {}).get("Mirrors") or ())


def parse_insecure_registries(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the insecure registries (host and port, or CIDR) in the answer to `GET /info`, without loopback."""
    config = info.get("RegistryConfig") or {}
    networks = (it for it in config.get("InsecureRegistryCIDRs") or () if not ip_network(it).is_loopback)
    named = (name for name, index in (config.get("IndexConfigs") or {}).items() if not index.get("Secure", True))
    return (*named, *networks)


def cgroup_version_of(info: Mapping[str, Any]) -> int:
    """Return the version of control groups, 1 or 2, in the answer to `GET /info`."""
    return int(info.get("CgroupVersion", "1"))  # Engines before 20.10 support version 1 alone, and do not report it.


def is_podman(version: Mapping[str, Any]) -> bool:
    """Return whether the answer to `GET /version` is a Podman's, which differs from Docker's in its components."""
    return any(component.get("Name") == _PODMAN for component in version.get("Components") or ())


def describe_engine(answers: EngineAnswers, held: tuple[str, ...]) -> EngineFacts:
    """Return the engine's facts, from its answers and the capabilities that it holds."""
    info, version = answers.info, answers.version
    capabilities = decide(known=answers.known, held=held)
    return EngineFacts(
        endpoint=answers.endpoint,
        name=info["Name"],
        version=version["Version"],
        api_version=version["ApiVersion"],
        local=answers.surroundings.shares_run_root,
        cgroup_version=cgroup_version_of(info),
        cgroup_driver=info["CgroupDriver"],
        storage_driver=info["Driver"],
        data_root=info["DockerRootDir"],
        capabilities=capabilities.given,
        privileged=capabilities.privileged,
        security_options=tuple(info.get("SecurityOptions") or ()),
        networks=answers.networks,
        podman=is_podman(version),
        proxies=proxies_of_engine(info),
        hides_proxy=hides_proxy(info),
        registry_mirrors=parse_mirrors(info),
        insecure_registries=parse_insecure_registries(info),
        runs_client=answers.surroundings.in_container,
    )
