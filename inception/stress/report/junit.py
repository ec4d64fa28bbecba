"""A report as JUnit XML: test cases for each level, for the unwinding of each chain, and for leaks."""

from __future__ import annotations

from collections.abc import Iterator

from inception.plan.light_dataclasses import dataclass
from inception.stress.report.record import ChainRecord, CycleRecord, Report
from inception.stress.report.rendering import render


@dataclass(frozen=True, kw_only=True)
class _Failure:
    kind: str
    message: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class _Case:
    chain: str
    name: str
    time: str
    failure: _Failure | None = None
    skipped: bool = False


@dataclass(frozen=True, kw_only=True)
class _Suite:
    name: str
    time: str
    cases: tuple[_Case, ...]

    @property
    def failures(self) -> int:
        return sum(case.failure is not None for case in self.cases)

    @property
    def skipped(self) -> int:
        return sum(case.skipped for case in self.cases)


def junit(report: Report) -> str:
    """Return the report in JUnit's format."""
    return render("junit.xml", suites=tuple(map(_suite, report.cycles)))


def _suite(cycle: CycleRecord) -> _Suite:
    cases = [case for chain in cycle.chains for case in (*_levels(chain), _unwound(chain))]
    return _Suite(name=f"cycle {cycle.number}", time=_time(cycle.seconds), cases=(*cases, _host(cycle)))


def _levels(chain: ChainRecord) -> Iterator[_Case]:
    ready = {level.number: level.ready_s for level in chain.levels}
    for number in range(1, chain.depth_asked + 1):
        seconds, failure = ready.get(number), _failure(chain, number)
        yield _Case(
            chain=chain.name,
            name=f"level {number}",
            time=_time(seconds),
            failure=failure,
            skipped=failure is None and seconds is None,
        )


def _failure(chain: ChainRecord, number: int) -> _Failure | None:
    """Return the failure of level `number`, which is the wall if the chain met it there."""
    wall = chain.wall
    if wall is None or number != max(wall.level or 1, 1):
        return None
    text = "\n".join((*wall.evidence, wall.remedy, *wall.log_tail))
    return _Failure(kind=wall.cause, message=wall.message, text=text)


def _unwound(chain: ChainRecord) -> _Case:
    kicked = _Failure(kind="kicked", message="it did not unwind in time and was kicked")
    return _Case(chain=chain.name, name="unwinds", time=_time(chain.ascent_s), failure=kicked if chain.kicked else None)


def _host(cycle: CycleRecord) -> _Case:
    leak = _Failure(kind="leak", message=f"{len(cycle.leaks)} left behind", text="\n".join(cycle.leaks))
    return _Case(chain="host", name="nothing is left behind", time=_time(None), failure=leak if cycle.leaks else None)


def _time(seconds: float | None) -> str:
    return "0" if seconds is None else f"{seconds:.3f}"
