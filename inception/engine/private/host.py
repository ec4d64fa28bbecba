"""Change the host for the private engine. Changes are recorded first, so that a later process can undo them."""

from __future__ import annotations

import socket
from pathlib import Path

from inception.engine.private.network import rules, run
from inception.errors import EngineError
from inception.plan.formats import codec
from inception.plan.light_dataclasses import dataclass

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TAG_PREFIX = "incep"
_STOCK_BRIDGE = "docker0"
_MOST_COPIES = 10
"""Copies of one rule to delete at most: each supervisor that was killed leaves one more."""


@dataclass(frozen=True, kw_only=True)
class HostChanges:
    """Changes of a private engine on the host outside its own directory.

    `tag` names its link and marks its rules, `address` (CIDR) is the host's end of the link. `forwarding`: the
    engine turns on the host's packet forwarding. `directories` are those that it makes. `boot` is the kernel's boot id.
    """

    tag: str
    address: str
    forwarding: bool
    directories: tuple[str, ...]
    boot: str

    def write(self, path: Path) -> None:
        """Write this to the file `path`, whole or not at all. Raises OSError."""
        draft = path.with_suffix(".new")
        draft.write_text(codec.to_json(self))
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> HostChanges | None:
        """Return the changes recorded in the file `path`, or None."""
        try:
            return codec.from_json(cls, path.read_text())
        except (OSError, ValueError):
            return None


def intended_changes(tag: str, address: str, directories: tuple[Path, ...]) -> HostChanges:
    """Return the changes that this host needs now, among them those of `directories` that do not exist."""
    return HostChanges(
        tag=tag,
        address=address,
        forwarding=not forwards(),
        directories=tuple(str(directory) for directory in directories if not directory.exists()),
        boot=_boot(),
    )


def apply(changes: HostChanges) -> None:
    """Let the host forward packets of the link, which exists; make the directories. Raises EngineError, OSError."""
    for directory in changes.directories:
        Path(directory).mkdir(mode=0o711, parents=True, exist_ok=True)
    if changes.forwarding:
        _FORWARDING.write_text("1")
    for rule in rules(changes.tag, changes.address, changes.tag):
        run(rule.command("-I"))


def undo(changes: HostChanges) -> None:
    """Undo `changes`, as far as they were made and nobody else has changed the same since."""
    for directory in reversed(changes.directories):
        _remove_if_empty(Path(directory))
    if changes.boot != _boot():
        return
    _try(("ip", "link", "delete", changes.tag))
    for rule in rules(changes.tag, changes.address, changes.tag):
        for _ in range(_MOST_COPIES):
            if not _try(rule.command("-D")):
                break
    if changes.forwarding and not _others_forward():
        _FORWARDING.write_text("0")


def _others_forward() -> bool:
    """Return whether another engine relies on the host's forwarding by now."""
    return any(link == _STOCK_BRIDGE or link.startswith(_TAG_PREFIX) for _, link in socket.if_nameindex())


def forwards() -> bool:
    """Return whether the host forwards packets."""
    return _FORWARDING.read_text().strip() == "1"


def _boot() -> str:
    return _BOOT_ID.read_text().strip()


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return


def _try(command: tuple[str, ...]) -> bool:
    try:
        run(command)
    except EngineError:
        return False
    return True
