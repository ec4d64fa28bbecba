"""Fold what pytest reported into one outcome a test, and compare the outcomes of several engines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.public.suite import Suite


class Outcome(StrEnum):
    """End of one test, as pytest counts it."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Result:
    """Outcome of one test, and the last line of what pytest said about it."""

    outcome: Outcome
    why: str


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run of a suite on the engine of one level; `unknown` are tests to be left out that are none."""

    level: int
    version: str
    results: Mapping[str, Result]
    seconds: float
    unknown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A test that ended differently on two engines; `cause` is set where their versions explain it."""

    test: str
    results: tuple[Result, ...]
    cause: str | None


_NOT_RUN = Result(outcome=Outcome.MISSING, why="")


def fold(lines: Iterable[str]) -> dict[str, Result]:
    """Return the result of each test from the lines of the recorder: a JSON object for each phase of each test."""
    results: dict[str, Result] = {}
    for phase in map(json.loads, lines):
        before = results.get(phase["test"])
        outcome = _outcome(phase)
        if before is None or (before.outcome is Outcome.PASSED and outcome is not Outcome.PASSED):
            results[phase["test"]] = Result(outcome=outcome, why=phase["why"])
    return results


def _outcome(phase: Mapping[str, str]) -> Outcome:
    if phase["expected"]:
        return Outcome.XFAILED if phase["outcome"] == "skipped" else Outcome.XPASSED
    if phase["outcome"] == "failed" and phase["when"] != "call":
        return Outcome.ERROR
    return Outcome(phase["outcome"])


def compare(suite: Suite, trials: Sequence[Trial]) -> list[Difference]:
    """Return the tests whose outcomes differ; a cause counts only where the engines that differ are of two versions."""
    differences = []
    for test in sorted({test for trial in trials for test in trial.results}):
        results = tuple(trial.results.get(test, _NOT_RUN) for trial in trials)
        if len({result.outcome for result in results}) == 1:
            continue
        outcomes: dict[str, set[Outcome]] = {}
        for trial, result in zip(trials, results, strict=True):
            outcomes.setdefault(trial.version, set()).add(result.outcome)
        alike = all(len(found) == 1 for found in outcomes.values())
        cause = suite.depends_on_version.get(test) if alike else None
        differences.append(Difference(test=test, results=results, cause=cause))
    return differences


def tried_again(first: Trial, second: Trial) -> Trial:
    """Return `first` with the results of the tests that a `second` trial ran again."""
    return replace(first, results={**first.results, **second.results}, seconds=first.seconds + second.seconds)


def count(trial: Trial) -> dict[Outcome, int]:
    """Return how many tests ended how."""
    counted = Counter(result.outcome for result in trial.results.values())
    return {outcome: counted[outcome] for outcome in Outcome}
