"""Take one of a few slots: each has a name, an address range and control groups that no other run uses meanwhile."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from inception.engine.private import cgroups, host
from inception.engine.private.addresses import EngineAddresses
from inception.engine.private.network import host_network_locked

LOCKS = Path("/run/lock")
SLOTS = 8
_FORWARDED = LOCKS / "inception-tests-forwarding"
"""Exists while the host forwards packets for these runs alone: the last one turns that off."""
_POLL_S = 0.2
_RANGE = "198.18"
"""Range for tests of network devices (RFC 2544): no host has a route to it, and the levels' pools lie elsewhere."""


@dataclass(frozen=True)
class Slot:
    """One of the slots, counted from 0."""

    number: int

    @property
    def name(self) -> str:
        """Name of the link, control groups and firewall rules on the host."""
        return f"incept-tests{self.number}"

    @property
    def addresses(self) -> EngineAddresses:
        """Addresses of the link between the host and the namespace; an engine inside chooses its own."""
        network = f"{_RANGE}.{self.number}"
        return EngineAddresses(
            host=f"{network}.1/30",
            inside=f"{network}.2/30",
            bridge=f"{network}.17/28",
            pool=f"{network}.32/28",
            pool_prefix=28,
        )

    @property
    def changes(self) -> host.HostChanges:
        """Changes on the host that this slot needs."""
        now = host.intended_changes(self.name, self.addresses.host, ())
        return replace(now, forwarding=now.forwarding or _FORWARDED.exists())

    def join_host(self) -> None:
        """Let the host forward the packets of this slot's link. Raises EngineError, OSError."""
        if not host.forwards():
            _FORWARDED.touch()
        host.apply(self.changes)

    def control_groups(self) -> tuple[Path, ...]:
        """Return this slot's control group in each hierarchy; it may not exist."""
        return cgroups.own_groups(self.name)

    def make_control_groups(self) -> None:
        """Make the control groups. Raises OSError."""
        for group in self.control_groups():
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # Empty at first on v1, where no process can join then.
                if (group / setting).exists() and (group.parent / setting).exists():
                    (group / setting).write_text((group.parent / setting).read_text())

    def sweep(self) -> None:
        """Remove what is left of this slot on the host, also of a run that was killed. Raises OSError."""
        with host_network_locked():
            host.undo(self.changes)
            if not host.forwards():
                _FORWARDED.unlink(missing_ok=True)
        cgroups.thaw(self.name)
        for group in self.control_groups():
            cgroups.remove(group)


@contextmanager
def taken_slot(on_message: Callable[[str], None]) -> Iterator[Slot]:
    """Hold a slot that is free, or wait for one; nothing of it is left on the host before and after."""
    slot, descriptor = _take_clean(on_message)
    try:
        _sweep_killed_runs()
        yield slot
    finally:
        slot.sweep()
        os.close(descriptor)


def _sweep_killed_runs() -> None:
    """Remove what killed runs have left of slots that nobody holds."""
    for slot in map(Slot, range(SLOTS)):
        if any(group.exists() for group in slot.control_groups()) and (descriptor := _try_take(slot)) is not None:
            with suppress(OSError):
                slot.sweep()
            os.close(descriptor)


def _take_clean(on_message: Callable[[str], None]) -> tuple[Slot, int]:
    """Take a slot of which nothing is left; pass over those in which a killed run's processes have not ended yet."""
    busy: set[int] = set()
    while True:
        slot, descriptor = _take(on_message, without=busy)
        try:
            slot.sweep()
        except OSError as error:
            os.close(descriptor)
            on_message(f"{slot.name} is passed over: {error}")
            busy.add(slot.number)
            if len(busy) == SLOTS:
                raise
        else:
            return slot, descriptor


def _try_take(slot: Slot) -> int | None:
    """Return the descriptor of the lock of `slot`, or None if another run holds it."""
    descriptor = os.open(LOCKS / f"inception-tests-slot{slot.number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _take(on_message: Callable[[str], None], *, without: Collection[int]) -> tuple[Slot, int]:
    said = False
    while True:
        for slot in map(Slot, (it for it in range(SLOTS) if it not in without)):
            if (descriptor := _try_take(slot)) is not None:
                return slot, descriptor
        if not said:
            on_message(f"waiting for one of {SLOTS} slots")
            said = True
        time.sleep(_POLL_S)
