"""Table of campaigns on pairs of engines, and its file, matrix.json. Times are in seconds, moments in Unix time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from inception.plan.light_dataclasses import dataclass
from inception.stress.report.codec import to_json
from inception.stress.report.record import Ending, Report

MATRIX_VERSION: Literal[1] = 1
_NOT_TRIED = "-"
_FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """An engine of the table: the level image that has it, the store asked for, and Docker's version if known."""

    image: str
    image_store: str
    engine_version: str = ""

    @property
    def title(self) -> str:
        """Version and store, or the image where the version is not known."""
        store = "" if self.image_store == "auto" else f" {self.image_store}"
        return f"{self.engine_version or self.image}{store}"


@dataclass(frozen=True, kw_only=True)
class PairRecord:
    """Result of the campaign with engine `outer` at level 1 and `inner` below, both numbers from 1 in the table.

    `level_s` is the median time of a level from level 2 on, `depth` the deepest that answered. `cause` says why the
    pair does not work, or is empty; `leaks` things were left behind, `kicked` chains did not unwind in time. The
    campaign's own report is in the directory OUTER-INNER beside matrix.json.
    """

    outer: int
    inner: int
    depth: int
    level_s: float | None = None
    cause: str = ""
    leaks: int = 0
    kicked: int = 0

    @property
    def works(self) -> bool:
        """Whether all chains reached their depth, and left nothing behind."""
        return not self.cause


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The same campaign on pairs of engines, as matrix.json has it; a pair that was not tried any more is left out."""

    version: Literal[1]
    begun: float
    seconds: float
    command: tuple[str, ...]
    engines: tuple[EngineRecord, ...]
    pairs: tuple[PairRecord, ...]

    def to_json(self) -> str:
        """Return the text of matrix.json."""
        return to_json(self)


def pair_record(outer: int, inner: int, report: Report) -> PairRecord:
    """Return the result of the pair whose campaign `report` describes."""
    times = [
        level.ready_s
        for chain in report.chains
        for level in chain.levels
        if level.number > 1 and level.ready_s is not None
    ]
    return PairRecord(
        outer=outer,
        inner=inner,
        depth=report.verdict.depth,
        level_s=median(times) if times else None,
        cause=_cause(report),
        leaks=len(report.leaks),
        kicked=sum(chain.kicked for chain in report.chains),
    )


def _cause(report: Report) -> str:
    """Return why the engines of a campaign do not work in one another, or nothing."""
    if report.refusal is not None:
        return report.verdict.headline
    if report.wall is not None:
        return f"{report.verdict.headline}: {report.wall.message}"
    if report.ending is not Ending.COMPLETE:
        return report.verdict.headline
    if report.leaks:
        return f"left behind: {'; '.join(report.leaks)}"
    if kicked := [chain.name for chain in report.chains if chain.kicked]:
        return f"chain {kicked[0]} did not unwind in time and was kicked"
    errors = [chain.churn.errors[0] for chain in report.chains if chain.churn and chain.churn.errors]
    return f"containers failed at the bottom: {errors[0]}" if errors else ""


def matrix_rows(matrix: Matrix) -> list[list[str]]:
    """Return the table, a row for each outer engine, its first row the heading."""
    titles = _titles(matrix.engines)
    pairs = {(pair.outer, pair.inner): pair for pair in matrix.pairs}
    numbers = range(1, len(titles) + 1)
    body = [[titles[outer - 1], *(_cell(pairs.get((outer, inner))) for inner in numbers)] for outer in numbers]
    return [["outside \\ inside", *titles], *body]


def matrix_causes(matrix: Matrix) -> list[str]:
    """Return a line for each pair that does not work, with its cause."""
    titles = _titles(matrix.engines)
    return [
        f"{titles[pair.outer - 1]} outside, {titles[pair.inner - 1]} inside: {' '.join(pair.cause.split())}"
        for pair in matrix.pairs
        if not pair.works
    ]


def _cell(pair: PairRecord | None) -> str:
    if pair is None:
        return _NOT_TRIED
    if not pair.works:
        return _FAILED
    return "works" if pair.level_s is None else f"{pair.level_s:.2f} s"


def _titles(engines: Sequence[EngineRecord]) -> list[str]:
    """Return a title for each engine; those that would have the same one get their image's name, too."""
    titles = [engine.title for engine in engines]
    return [
        title if titles.count(title) == 1 else f"{title} ({engine.image})"
        for title, engine in zip(titles, engines, strict=True)
    ]
