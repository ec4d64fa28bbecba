"""Two fleets compared, machine by machine."""

from __future__ import annotations

from inception.fleet.report.compare import compare_fleets
from inception.fleet.report.gates import unmet_by_fleet
from inception.fleet.report.merge import merge
from inception.fleet.report.record import FleetComparison
from inception.stress.report.gates import Gates
from inception.stress.report.record import Report
from tests.factories.fleets import machine_report


def _fleet(count: int = 6, **others: Report) -> dict[str, Report]:
    return {**{f"n{it}": machine_report() for it in range(count)}, **others}


def _compared(old: dict[str, Report], new: dict[str, Report]) -> FleetComparison:
    return compare_fleets(merge(old), merge(new))


def test_equal_fleets_have_no_change() -> None:
    found = _compared(_fleet(), _fleet())
    assert found.changes == ()
    assert {it.verdict for it in found.differences} == {"same"}
    assert (found.machines, found.reached, found.common) == ((6, 6), (6, 6), 6)


def test_slower_fleet_is_worse_and_no_machine_stands_out() -> None:
    slower = {name: machine_report(speed=1.5) for name in _fleet()}
    found = _compared(_fleet(), slower)
    assert {it.name for it in found.differences if it.verdict == "worse"} == {"time", "container"}
    assert found.changes == ()


def test_one_machine_that_got_slower_is_named_with_what_else_changed_on_it() -> None:
    found = _compared(_fleet(n9=machine_report()), _fleet(n9=machine_report(speed=2, kernel="6.1")))
    (change,) = found.changes
    assert change.is_worse
    assert change.lines == ("time 2.00 of before", "container 2.00 of before", "kernel 6.12.0, now 6.1")


def test_result_that_changed_is_named() -> None:
    found = _compared(
        _fleet(worse=machine_report(), better=machine_report(wall_at=3)),
        _fleet(worse=machine_report(wall_at=5, leaks=("x",)), better=machine_report()),
    )
    worse, better = found.changes
    assert (worse.name, worse.is_worse) == ("worse", True)
    assert worse.lines == ("reached, now wall", "depth 8, now 4", "0 left behind, now 1")
    assert (better.name, better.is_worse) == ("better", False)
    assert found.leaking == (0, 1)


def test_machines_in_one_fleet_alone_are_named() -> None:
    found = _compared(_fleet(gone=machine_report()), _fleet(new=machine_report()))
    assert (found.vanished, found.appeared, found.common) == (("gone",), ("new",), 6)
    assert _compared({"a": machine_report()}, {"b": machine_report()}).differences == ()


def test_gates_name_the_machines_that_do_not_meet_them() -> None:
    fleet = merge(_fleet(deep=machine_report(wall_at=3), dirty=machine_report(leaks=("x",))))
    assert list(unmet_by_fleet(Gates(min_depth=8, no_leaks=True), fleet)) == [
        "depth under 8 on deep",
        "something left behind on dirty",
    ]
    assert list(unmet_by_fleet(Gates(min_depth=2), fleet)) == []
    assert list(unmet_by_fleet(Gates(regression=0.1), fleet)) == []
