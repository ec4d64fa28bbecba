"""A report as JUnit XML: test cases for each level, for the unwinding of each chain, and for leaks."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from inception.stress.report.record import ChainRecord, CycleRecord, Report


def junit(report: Report) -> str:
    """Return the report in JUnit's format."""
    suites = ET.Element("testsuites", name="inception stress")
    for cycle in report.cycles:
        suite = ET.SubElement(suites, "testsuite", name=f"cycle {cycle.number}")
        for chain in cycle.chains:
            _levels(suite, chain)
            _unwound(suite, chain)
        _host(suite, cycle)
        _count(suite, cycle.seconds)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, chain: str, name: str, seconds: float | None) -> ET.Element:
    time = "0" if seconds is None else f"{seconds:.3f}"
    return ET.SubElement(suite, "testcase", classname=f"inception.{chain}", name=name, time=time)


def _fail(case: ET.Element, kind: str, message: str, text: str) -> None:
    ET.SubElement(case, "failure", type=kind, message=message).text = text


def _levels(suite: ET.Element, chain: ChainRecord) -> None:
    ready = {level.number: level.ready_s for level in chain.levels}
    for number in range(1, chain.depth_asked + 1):
        case = _case(suite, chain.name, f"level {number}", ready.get(number))
        wall = chain.wall
        if wall is not None and number == max(wall.level or 1, 1):
            _fail(case, wall.cause, wall.message, "\n".join((*wall.evidence, wall.remedy, *wall.log_tail)))
        elif ready.get(number) is None:
            ET.SubElement(case, "skipped", message="not reached")


def _unwound(suite: ET.Element, chain: ChainRecord) -> None:
    case = _case(suite, chain.name, "unwinds", chain.ascent_s)
    if chain.kicked:
        _fail(case, "kicked", "it did not unwind in time and was kicked", "")


def _host(suite: ET.Element, cycle: CycleRecord) -> None:
    case = _case(suite, "host", "nothing is left behind", None)
    if cycle.leaks:
        _fail(case, "leak", f"{len(cycle.leaks)} left behind", "\n".join(cycle.leaks))


def _count(suite: ET.Element, seconds: float) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{seconds:.3f}")
