"""Reports of machines become one: what each machine is, what sets it apart, what differs between groups."""

from __future__ import annotations

import json
from collections.abc import Mapping

import jsonschema
import pytest

from inception.fleet.report.merge import merge
from inception.fleet.report.record import FleetReport, Machine, MissingMachine, Trait
from inception.stress.report.record import Ending, Report
from tests.factories.fleets import OLD_ENGINE, SLOW_KERNEL, fleet_reports, machine_report
from tests.factories.stress_reports import report

SCHEMA = FleetReport.json_schema()


def machines_of(reports: Mapping[str, Report]) -> dict[str, Machine]:
    return {it.name: it for it in merge(reports).machines}


@pytest.fixture(scope="module")
def fleet() -> FleetReport:
    return merge(fleet_reports(200), [MissingMachine(name="lost", reason="the node is down")])


def _trait(fleet: FleetReport, name: str) -> Trait:
    return next(it for it in fleet.traits if name in it.names)


def test_fleet_survives_json_and_keeps_to_its_schema(fleet: FleetReport) -> None:
    text = fleet.to_json()
    assert FleetReport.from_json(text) == fleet
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(text), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(text), "machines": [1]}, SCHEMA)
    with pytest.raises(ValueError, match="fleet version 9"):
        FleetReport.from_json(json.dumps({**json.loads(text), "version": 9}))


def test_headline_counts_every_machine() -> None:
    reports = {
        "a": machine_report(),
        "b": machine_report(wall_at=3),
        "c": report(depth=4, ending=Ending.INTERRUPTED),
    }
    merged = merge(reports, [MissingMachine(name="d", reason="lost")])
    assert merged.headline == "4 machines: 1 reached the depth, 1 met a limit, 1 stopped before, 1 sent no report"
    assert merge({}).headline == "0 machines: "


def test_machine_has_the_results_of_its_report() -> None:
    (machine,) = merge({"a": machine_report(depth=5, wall_at=4, leaks=("mount /x",), kernel="6.6.6")}).machines
    assert (machine.depth, machine.max_depth, machine.cycles, machine.leaks) == (3, 5, 2, ("mount /x",))
    assert machine.wall
    assert (machine.wall.level, machine.wall.cause) == (4, "pid-namespaces")
    assert machine.traits["kernel"] == "6.6.6"
    assert [number for number, _ in machine.costs["ready_s"].levels] == [1, 2, 3]


def test_costs_are_compared_level_by_level() -> None:
    """A machine that came less deep lacks the levels that take longest: it is no faster for that."""
    found = machines_of({"shallow": machine_report(wall_at=3), **{f"n{it}": machine_report() for it in range(6)}})
    assert found["shallow"].costs["ready_s"].middle < found["n1"].costs["ready_s"].middle
    assert found["shallow"].costs["ready_s"].relative == pytest.approx(1)


def test_outlier_is_marked_and_ordinary_machines_are_not() -> None:
    found = machines_of({"slow": machine_report(speed=2), **{f"n{it}": machine_report() for it in range(6)}})
    assert found["slow"].marks == ("time 2.00 of the median", "container 2.00 of the median")
    assert all(machine.marks == () for name, machine in found.items() if name != "slow")


def test_few_machines_have_no_outlier() -> None:
    found = machines_of({"slow": machine_report(speed=5), "a": machine_report(), "b": machine_report()})
    assert not any(it.marks for it in found.values())


def test_machine_that_came_less_deep_than_most_is_marked() -> None:
    found = machines_of({"n0": machine_report(wall_at=3), **{f"n{it}": machine_report() for it in range(1, 6)}})
    assert found["n0"].marks == ("depth 2, most have 8",)


def test_leak_is_marked_however_few_machines_there_are() -> None:
    assert machines_of({"a": machine_report(leaks=("x", "y"))})["a"].marks == ("left 2 things behind",)


def test_slow_kernel_is_a_group_and_not_many_outliers(fleet: FleetReport) -> None:
    kernels = {it.value: it for it in _trait(fleet, "kernel").groups}
    slow = kernels[SLOW_KERNEL]
    assert slow.effects["ready_s"].is_beyond_noise
    assert slow.effects["ready_s"].ratio == pytest.approx(1.6, rel=0.05)
    assert not slow.effects["pss"].is_beyond_noise
    apart = {it.name for it in fleet.machines if any(mark.startswith("time ") for mark in it.marks)}
    assert apart == {"node-0017", "node-0117"}


def test_engine_that_comes_less_deep_is_found_and_its_machines_are_not_apart(fleet: FleetReport) -> None:
    old = next(it for it in _trait(fleet, "engine").groups if it.value == OLD_ENGINE)
    assert old.reached == 0
    assert (old.depths[0], old.depths[2]) == (5, 5)
    (remark,) = (it for it in old.remarks if it.subject == "reached")
    assert remark.is_worse
    assert remark.text.startswith(f"0 of {old.machines} reached the depth")
    assert not any(mark.startswith("depth") for it in fleet.machines for mark in it.marks)


def test_trait_without_an_effect_has_no_remark(fleet: FleetReport) -> None:
    assert not any(it.remarks for it in _trait(fleet, "CPUs").groups)
    assert not any(
        remark.subject == "leaking" for trait in fleet.traits for it in trait.groups for remark in it.remarks
    )


def test_traits_that_split_the_machines_alike_are_one() -> None:
    reports = {f"a{it}": machine_report(kernel="1", cpus=1) for it in range(5)}
    reports |= {f"b{it}": machine_report(kernel="2", cpus=2, speed=2) for it in range(5)}
    (trait,) = merge(reports).traits
    assert trait.names == ("kernel", "CPUs")
    assert {it.value for it in trait.groups} == {"1, 1", "2, 2"}


def test_machines_that_are_alike_have_no_traits_that_differ() -> None:
    assert merge({f"n{it}": machine_report() for it in range(3)}).traits == ()


def test_rare_values_of_a_trait_are_one_group() -> None:
    reports = {f"n{it}": machine_report(cycles=1, depth=1, kernel=f"6.{it}.0") for it in range(20)}
    (trait,) = merge(reports).traits
    assert len(trait.groups) == 12
    assert trait.groups[0].value == "9 other values"
    assert trait.groups[0].machines == 9
