"""State of each node of a fleet, and the lines that nodes have written, whatever scheduler brings them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from inception.fleet.transport import from_lines, is_carrier
from inception.plan.light_dataclasses import dataclass

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_NAME = 100


class Phase(StrEnum):
    """Progress of one node. The last two are final without a report."""

    WAITING = "waiting"
    RUNNING = "running"
    REPORTED = "reported"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A node of the fleet: its `line` is the last that its campaign wrote, or the reason why it has no report."""

    name: str
    phase: Phase
    line: str
    log: tuple[str, ...]
    report: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more is to come from the node."""
        return self.phase not in {Phase.WAITING, Phase.RUNNING}


class Logs:
    """Lines of the nodes' tasks, each once, in the order in which the nodes wrote them."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[tuple[str, str], None]] = {}
        self._reports: dict[str, tuple[int, str | None]] = {}

    def add(self, task: str, at: str, text: str) -> None:
        """Take a line of a task; `at` is its time, as a text that sorts."""
        self._lines.setdefault(task, {})[at, text] = None

    def of(self, task: str) -> tuple[str, ...]:
        """Return the lines of a task."""
        return tuple(text for _, text in sorted(self._lines.get(task, {}), key=lambda line: line[0]))

    def report_of(self, task: str) -> str | None:
        """Return the report in a task's lines, None if it is not there yet. Raises ValueError if it is damaged."""
        count = len(self._lines.get(task, {}))
        known = self._reports.get(task)
        if known is None or known[0] != count:
            known = self._reports[task] = (count, from_lines(self.of(task)))
        return known[1]


@dataclass(frozen=True, kw_only=True)
class Said:
    """Lines that a task has written, and its report: None until all of it is there. `damage` says what is wrong."""

    lines: tuple[str, ...] = ()
    report: str | None = None
    damage: str | None = None

    @property
    def last(self) -> str:
        """The last line, without the program's name."""
        return self.lines[-1].removeprefix("inception: ").removeprefix("error: ") if self.lines else ""

    def state(self, name: str, phase: Phase, line: str) -> NodeState:
        """Return the state of the node `name`: `phase` and `line`, but for a report that arrived, whole or damaged."""
        if self.damage is not None:
            phase, line = Phase.FAILED, self.damage
        elif self.report is not None:
            phase, line = Phase.REPORTED, self.last
        return NodeState(name=name, phase=phase, line=line, log=self.lines, report=self.report)


def said_by(logs: Logs, task: str) -> Said:
    """Return what a task has written."""
    lines = tuple(line for line in logs.of(task) if not is_carrier(line) and line.strip())
    try:
        return Said(lines=lines, report=logs.report_of(task))
    except ValueError as error:
        return Said(lines=lines, damage=str(error))


def names_of_nodes(nodes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a name for each node's id, which can name a file: its host name, with the id where several have the same.

    `nodes` are pairs of an id and a host name, which comes from the node.
    """
    pairs = [(node, _UNSAFE.sub("-", hostname)[:_MAX_NAME].strip("-") or "node") for node, hostname in nodes]
    counts = Counter(name for _, name in pairs)
    return {node: name if counts[name] == 1 else f"{name}-{node[:12]}" for node, name in pairs}
