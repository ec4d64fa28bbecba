"""Content of fleet.json. Times are in seconds, sizes in bytes, moments in Unix time."""

from __future__ import annotations

from typing import Any, Literal

from inception.plan.light_dataclasses import dataclass
from inception.stress.report.codec import from_versioned_json, json_schema, to_json
from inception.stress.report.compare import Difference
from inception.stress.report.record import Ending, Status

FLEET_VERSION: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class MachineCost:
    """A cost of a level on one machine: its median over the levels, and each level's value.

    `relative` is against the fleet, level by level: 1.5 is half as much again as the median machine.
    """

    middle: float
    relative: float
    levels: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class MachineWall:
    """Limit that stopped a machine's chain. `level` and `phase` are None where it never started."""

    cause: str
    title: str
    level: int | None
    phase: str | None
    message: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Result of one machine. `traits` are what it is, by name; `marks` are what sets it apart from the others."""

    name: str
    begun: float
    seconds: float
    ending: Ending
    status: Status
    headline: str
    depth: int
    max_depth: int
    cycles: int
    kicked: int
    findings: tuple[str, ...]
    leaks: tuple[str, ...]
    wall: MachineWall | None
    traits: dict[str, str]
    costs: dict[str, MachineCost]
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MissingMachine:
    """Machine without a report, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A cost of the machines of a group: `ratio` is its median against that of all other machines."""

    ratio: float
    is_beyond_noise: bool


REACHED = "reached"
LEAKING = "leaking"
"""Subjects of remarks; the others are names of costs."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Difference of a group from all other machines that chance does not explain, by its `subject`."""

    subject: str
    text: str
    is_worse: bool


@dataclass(frozen=True, kw_only=True)
class TraitGroup:
    """Machines with one value of a trait: their number, their results, their costs by name, and remarks on them."""

    value: str
    machines: int
    reached: int
    walls: int
    stopped: int
    leaking: int
    depths: tuple[int, float, int]
    effects: dict[str, Effect]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, kw_only=True)
class Trait:
    """Trait in which the machines differ. Several `names` split the machines alike: which of them matters is open."""

    names: tuple[str, ...]
    groups: tuple[TraitGroup, ...]

    @property
    def title(self) -> str:
        """All names of the trait."""
        return ", ".join(self.names)


@dataclass(frozen=True, kw_only=True)
class MachineChange:
    """Changes of one machine from one fleet to the next; `is_worse` if any of them is for the worse."""

    name: str
    lines: tuple[str, ...]
    is_worse: bool


@dataclass(frozen=True, kw_only=True)
class FleetComparison:
    """Differences of two fleets. Pairs are numbers of the old fleet and of the new; machines belong by their names."""

    machines: tuple[int, int]
    reached: tuple[int, int]
    leaking: tuple[int, int]
    common: int
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    differences: tuple[Difference, ...]
    changes: tuple[MachineChange, ...]


@dataclass(frozen=True, kw_only=True)
class FleetReport:
    """Results of all machines of a fleet, as fleet.json has them."""

    version: Literal[1]
    machines: tuple[Machine, ...]
    missing: tuple[MissingMachine, ...]
    traits: tuple[Trait, ...]
    comparison: FleetComparison | None = None

    @property
    def headline(self) -> str:
        """The results of all machines in one sentence."""
        counts = (
            (sum(it.status is Status.REACHED for it in self.machines), "reached the depth"),
            (sum(it.status is Status.WALL for it in self.machines), "met a limit"),
            (sum(it.status is Status.STOPPED for it in self.machines), "stopped before"),
            (len(self.missing), "sent no report"),
        )
        total = len(self.machines) + len(self.missing)
        parts = [f"{count} {what}" for count, what in counts if count]
        return f"{count_of(total, 'machine')}: {', '.join(parts)}"

    @property
    def leaking(self) -> tuple[Machine, ...]:
        """Machines on which something was left behind."""
        return tuple(it for it in self.machines if it.leaks)

    def to_json(self) -> str:
        """Return the text of fleet.json."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> FleetReport:
        """Return the fleet that `to_json` wrote. Raises ValueError if it is none, or one of another version."""
        return from_versioned_json(cls, text, "fleet", FLEET_VERSION)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of fleet.json."""
        return json_schema(cls)


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: 1 machine, 2 machines."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
