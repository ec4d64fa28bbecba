"""What the engine says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inception.plan.facts import EngineFacts
from inception.probe.capabilities import Capabilities


def parse_networks(networks: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The IPv4 subnets (CIDR) in the answer to `GET /networks`."""
    configs = (config for network in networks for config in network["IPAM"]["Config"] or ())
    return tuple(config["Subnet"] for config in configs if "." in config.get("Subnet", ""))


def parse_engine(
    *,
    info: Mapping[str, Any],
    version: Mapping[str, Any],
    networks: tuple[str, ...],
    capabilities: Capabilities,
    endpoint: str,
    local: bool,
) -> EngineFacts:
    """The engine's facts out of its answers to `GET /info`, `GET /version` and `GET /networks`."""
    return EngineFacts(
        endpoint=endpoint,
        name=info["Name"],
        version=version["Version"],
        api_version=version["ApiVersion"],
        local=local,
        # Engines before 20.10 know no other, and do not say.
        cgroup_version=int(info.get("CgroupVersion", "1")),
        cgroup_driver=info["CgroupDriver"],
        storage_driver=info["Driver"],
        data_root=info["DockerRootDir"],
        capabilities=capabilities.given,
        privileged=capabilities.privileged,
        security_options=tuple(info.get("SecurityOptions") or ()),
        networks=networks,
    )
