"""Forwards as values: `[ADDRESS:]PORT:[CONTAINER:]PORT[/udp]` into a level, or a port of the host in every level."""

from __future__ import annotations

import re

from inception.errors import UsageError
from inception.plan.formats.address import is_address
from inception.plan.light_dataclasses import dataclass

LOOPBACK = "127.0.0.1"
_GREATEST_PORT = 65535
_FORWARD = re.compile(
    r"(?:(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<four>\d+(?:\.\d+){3})):)?(?P<port>\d+)"
    r":(?:(?P<container>[a-zA-Z0-9][\w.-]*):)?(?P<target>\d+)(?:/(?P<protocol>tcp|udp))?"
)


@dataclass(frozen=True, kw_only=True)
class Forward:
    """A port of this host that leads to `target` of a container in a level, or of the level itself.

    `protocol` is "tcp" or "udp".
    """

    level: int
    address: str
    port: int
    container: str | None
    target: int
    protocol: str

    def __str__(self) -> str:
        """Return it for people."""
        place = f"{self.container}:{self.target}" if self.container else str(self.target)
        udp = "/udp" if self.protocol == "udp" else ""
        return f"{show_address(self.address)}:{self.port}{udp} to {place} in level {self.level}"


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """A TCP port of this host's loopback that every level has at its own loopback and at `protocol.GATE`."""

    port: int

    def __str__(self) -> str:
        """Return it for people."""
        return f"port {self.port} of the host in every level"


def show_address(address: str) -> str:
    """Return an IP address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def parse_forward(text: str, level: int) -> Forward:
    """Return the forward that `[ADDRESS:]PORT:[CONTAINER:]PORT[/udp]` stands for. Raises UsageError."""
    match = _FORWARD.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not [ADDRESS:]PORT:[CONTAINER:]PORT[/udp]",
            remedy="write it like 8080:web:80, or 8080:80 for a port of the level itself",
        )
    address = match["six"] or match["four"] or LOOPBACK
    if not is_address(address):
        raise UsageError(f"{address!r} is not an address", remedy="write it like 127.0.0.1 or [::1]")
    return Forward(
        level=level,
        address=address,
        port=check_port(match["port"]),
        container=match["container"],
        target=check_port(match["target"]),
        protocol=match["protocol"] or "tcp",
    )


def check_port(text: str) -> int:
    """Return the port that `text` names. Raises UsageError."""
    if not text.isdecimal() or not 1 <= int(text) <= _GREATEST_PORT:
        raise UsageError(f"{text} is not a port", remedy=f"use 1 to {_GREATEST_PORT}")
    return int(text)
