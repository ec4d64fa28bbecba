"""Content of report.json. Times are in seconds, sizes in bytes, moments in Unix time."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from inception.plan.light_dataclasses import dataclass
from inception.stress.report.codec import from_versioned_json, json_schema, to_json
from inception.stress.report.trend import Drift, PowerFit

REPORT_VERSION: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class ProcessMeasure:
    """One process of a level. `pss` is its memory, shared pages counted in parts."""

    name: str
    pid: int
    pss: int
    threads: int
    descriptors: int


@dataclass(frozen=True, kw_only=True)
class LevelMeasure:
    """Resources of one level, measured inside it, without those of deeper levels.

    `inherited` are the descriptors that the level started with. `pid_namespace` is the namespace's inode number.
    """

    processes: tuple[ProcessMeasure, ...]
    inherited: tuple[int, ...]
    mounts: int
    cgroups: int
    links: int
    pid_namespace: int
    disk: int
    inodes: int

    @property
    def pss(self) -> int:
        """Memory of all processes of the level, in bytes."""
        return sum(process.pss for process in self.processes)

    @property
    def threads(self) -> int:
        """Threads of all processes of the level."""
        return sum(process.threads for process in self.processes)

    @property
    def descriptors(self) -> int:
        """Open file descriptors of all processes of the level."""
        return sum(process.descriptors for process in self.processes)


@dataclass(frozen=True, kw_only=True)
class Span:
    """One phase of a level; `begun_s` counts from the campaign's begin. `seconds` is None if it never ended."""

    phase: str
    begun_s: float
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class LevelRecord:
    """Times and costs of one level of one chain.

    `ready_s` is from its creation until its engine answered, `unwound_s` its own unwinding, that of the levels below
    included; `api_s` and `run_s` are the round trip of a ping and of a whole container by its engine.
    """

    number: int
    spans: tuple[Span, ...]
    ready_s: float | None
    unwound_s: float | None
    pid_namespaces: int | None
    measure: LevelMeasure | None = None
    api_s: float | None = None
    run_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class WallRecord:
    """Reason why a chain went no deeper. `level` and `phase` are None where it never started."""

    cause: str
    title: str
    level: int | None
    phase: str | None
    message: str
    evidence: tuple[str, ...]
    remedy: str
    log_tail: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KillRecord:
    """One kill of chaos. `pid` is in the level's own PID namespace; None if the process had ended already.

    `ended_s` are the seconds from the kill until the whole chain was gone.
    """

    level: int
    target: str
    trigger: int
    delay_s: float
    pid: int | None
    ended_s: float | None


@dataclass(frozen=True, kw_only=True)
class ChurnRecord:
    """Short containers at the bottom, from several clients at once: their number, times and errors."""

    clients: int
    containers: int
    seconds: float
    run_s: tuple[float, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SoakSample:
    """One measurement of one level while a chain is held; `at_s` counts from when the bottom answered."""

    at_s: float
    level: int
    api_s: float
    run_s: float
    pss: int
    threads: int
    descriptors: int


@dataclass(frozen=True, kw_only=True)
class ChainRecord:
    """One chain. `descent_s` is from its begin until the bottom answered, `ascent_s` from then back to the host.

    `kicked` is whether it did not unwind in time.
    """

    name: str
    depth_asked: int
    depth_reached: int
    begun_s: float
    descent_s: float | None
    ascent_s: float | None
    kicked: bool
    levels: tuple[LevelRecord, ...]
    wall: WallRecord | None
    kill: KillRecord | None
    churn: ChurnRecord | None
    soak: tuple[SoakSample, ...]


@dataclass(frozen=True, kw_only=True)
class HostReading:
    """Resources of the host at one moment. None where the host does not show the number."""

    memory_available: int | None
    kernel_memory: int | None
    disk_free: int | None
    inodes_free: int | None
    open_files: int | None
    processes: int | None


@dataclass(frozen=True, kw_only=True)
class CycleRecord:
    """One cycle, and the host before and after it. `leaks` are the things that it left behind."""

    number: int
    begun_s: float
    seconds: float
    before: HostReading
    after: HostReading
    leaks: tuple[str, ...]
    chains: tuple[ChainRecord, ...]


class Ending(StrEnum):
    """Reason for the end of a campaign."""

    COMPLETE = "complete"
    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"


class Status(StrEnum):
    """Result of a campaign in one word."""

    REACHED = "reached"
    WALL = "wall"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Result of a campaign. `depth` is the deepest level that answered; `findings` need attention."""

    status: Status
    headline: str
    depth: int
    findings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LevelEngines:
    """Engine of levels `first` to `last`: Docker's version, empty if unknown. Without a `runtime` it chooses itself."""

    first: int
    last: int
    image: str
    engine_version: str
    image_store: str
    runtime: str = ""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Machine, engine, program and levels' engines of a campaign. `image` is the image of level 1."""

    program: str
    python: str
    kernel: str
    machine: str
    cpus: int
    memory: int
    engine: str
    engine_version: str
    storage_driver: str
    cgroup_version: int
    image: str
    image_id: str
    pid_namespaces_free: int
    level_engines: tuple[LevelEngines, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CampaignRecord:
    """Options of a campaign; `command` repeats it."""

    max_depth: int
    cycles: int | None
    chains: int
    churn: int
    soak_s: float
    chaos_seed: int | None
    time_limit_s: float | None
    pid: str
    storage: str
    image_transfer: str
    network: str
    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole campaign, as report.json has it. `refusal` is the reason where it was not begun."""

    version: Literal[1]
    begun: float
    seconds: float
    ending: Ending
    campaign: CampaignRecord
    environment: Environment
    verdict: Verdict
    fits: dict[str, PowerFit]
    drifts: dict[str, Drift]
    cycles: tuple[CycleRecord, ...]
    refusal: WallRecord | None = None

    @property
    def chains(self) -> tuple[ChainRecord, ...]:
        """Chains of all cycles."""
        return tuple(chain for cycle in self.cycles for chain in cycle.chains)

    @property
    def wall(self) -> WallRecord | None:
        """First wall of a chain, or the reason why the campaign was not begun."""
        return self.refusal or next((chain.wall for chain in self.chains if chain.wall), None)

    @property
    def leaks(self) -> tuple[str, ...]:
        """Things that the cycles left behind on the host."""
        return tuple(leak for cycle in self.cycles for leak in cycle.leaks)

    def to_json(self) -> str:
        """Return the text of report.json."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `to_json` wrote. Raises ValueError if it is no report, or one of another version."""
        return from_versioned_json(cls, text, "report", REPORT_VERSION)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of report.json."""
        return json_schema(cls)
