"""Test that reports of public suites are folded into one outcome a test, and compared between engines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.public.outcome import Outcome, Result, Trial, compare, count, fold, tried_again
from tests.public.suite import Suite, read_suite, suite_names

SUITE = Suite(
    name="some",
    source="some==1.0",
    packages=(),
    tests=("tests",),
    images={},
    environment={},
    left_out={},
    depends_on_version={"a": "the older engine lacks it"},
    races={},
)
PASSED = Result(outcome=Outcome.PASSED, why="")
FAILED = Result(outcome=Outcome.FAILED, why="E  assert 1 == 2")
TRIAL = Trial(level=0, version="26.1.5", results={"a": PASSED}, seconds=1.0, unknown=())


def phase(when: str, outcome: str, *, expected: bool = False, why: str = "") -> str:
    return json.dumps({"test": "a", "when": when, "outcome": outcome, "expected": expected, "why": why})


def at(level: int, version: str, result: Result) -> Trial:
    return replace(TRIAL, level=level, version=version, results={"a": result})


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ([phase("setup", "passed"), phase("call", "passed"), phase("teardown", "passed")], Outcome.PASSED),
        ([phase("setup", "passed"), phase("call", "failed"), phase("teardown", "failed")], Outcome.FAILED),
        ([phase("setup", "failed"), phase("teardown", "passed")], Outcome.ERROR),
        ([phase("setup", "passed"), phase("call", "passed"), phase("teardown", "failed")], Outcome.ERROR),
        ([phase("setup", "skipped"), phase("teardown", "passed")], Outcome.SKIPPED),
        ([phase("setup", "passed"), phase("call", "skipped"), phase("teardown", "passed")], Outcome.SKIPPED),
        ([phase("setup", "passed"), phase("call", "skipped", expected=True)], Outcome.XFAILED),
        ([phase("setup", "passed"), phase("call", "passed", expected=True)], Outcome.XPASSED),
    ],
)
def test_phases_are_folded_as_pytest_counts_them(phases: list[str], outcome: Outcome) -> None:
    assert fold(phases)["a"].outcome is outcome


def test_reason_is_that_of_the_first_phase_that_did_not_pass() -> None:
    phases = [phase("setup", "passed"), phase("call", "failed", why="first"), phase("teardown", "failed", why="second")]
    assert fold(phases)["a"] == Result(outcome=Outcome.FAILED, why="first")


def test_equal_outcomes_are_no_difference() -> None:
    other_words = replace(FAILED, why="E  assert 3 == 4")
    assert compare(SUITE, [at(1, "26.1.5", FAILED), at(4, "26.1.5", other_words)]) == []


def test_difference_between_engines_of_one_version_has_no_cause() -> None:
    (difference,) = compare(SUITE, [at(0, "20.10.24", FAILED), at(1, "26.1.5", PASSED), at(4, "26.1.5", FAILED)])
    assert difference.cause is None
    assert [it.outcome for it in difference.results] == [Outcome.FAILED, Outcome.PASSED, Outcome.FAILED]


def test_difference_between_versions_has_the_cause_that_the_suite_names() -> None:
    trials = [at(0, "20.10.24", FAILED), at(1, "26.1.5", PASSED), at(4, "26.1.5", PASSED)]
    (difference,) = compare(SUITE, trials)
    assert difference.cause == "the older engine lacks it"
    (difference,) = compare(replace(SUITE, depends_on_version={}), trials)
    assert difference.cause is None


def test_test_that_did_not_run_is_a_difference() -> None:
    (difference,) = compare(SUITE, [TRIAL, replace(TRIAL, level=1, results={})])
    assert difference.results[1].outcome is Outcome.MISSING


def test_second_try_counts_for_the_tests_that_it_ran() -> None:
    first = replace(TRIAL, results={"a": FAILED, "b": PASSED})
    second = replace(TRIAL, results={"a": PASSED}, seconds=2.0, unknown=("b",))
    assert tried_again(first, second) == replace(TRIAL, results={"a": PASSED, "b": PASSED}, seconds=3.0)


def test_count_has_each_outcome() -> None:
    counts = count(replace(TRIAL, results={"a": PASSED, "b": PASSED, "c": FAILED}))
    assert counts[Outcome.PASSED] == 2
    assert counts[Outcome.FAILED] == 1
    assert counts[Outcome.XPASSED] == 0


@pytest.mark.parametrize("name", suite_names())
def test_suites_are_pinned_and_give_reasons(name: str) -> None:
    suite = read_suite(name)
    assert all("==" in it for it in (suite.source, *suite.packages))
    assert suite.tests
    assert all((*suite.left_out.values(), *suite.depends_on_version.values(), *suite.races.values()))
    assert not suite.left_out.keys() & suite.depends_on_version.keys()
