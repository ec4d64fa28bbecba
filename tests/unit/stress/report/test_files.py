"""The files of a report: JSON by its schema, CSV, JUnit, the page and its charts, the trace."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, fields, replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from inception.errors import UsageError
from inception.stress.report.charts import charts, phase_seconds
from inception.stress.report.files import levels_csv, make_directory, read_report, write_report
from inception.stress.report.junit import junit
from inception.stress.report.page import page
from inception.stress.report.record import Environment, Report
from inception.stress.report.svg import chart_svg
from inception.stress.report.trace import trace
from inception.stress.report.trend import find_drift
from tests.factories.stress_reports import chain, cycle, eventful, level, report
from tests.factories.trace_format import check_trace

SCHEMA = Report.json_schema()


@pytest.mark.parametrize("made", [report(), eventful()], ids=["plain", "eventful"])
def test_report_survives_json_and_keeps_to_its_schema(made: Report) -> None:
    text = made.to_json()
    assert Report.from_json(text) == made
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(text), SCHEMA)


@pytest.mark.parametrize("damage", [{"version": 2}, {"seconds": "long"}, {"cycles": [1]}, {"ending": "happy"}])
def test_schema_refuses_a_damaged_report(damage: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(report().to_json()), **damage}, SCHEMA)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '"report"'])
def test_file_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(UsageError, match="is no report"):
        read_report(tmp_path)


def test_report_of_another_version_is_not_read() -> None:
    with pytest.raises(ValueError, match="version 99"):
        Report.from_json(json.dumps({**json.loads(report().to_json()), "version": 99}))


def test_report_written_by_an_earlier_program_is_read() -> None:
    """The earlier program wrote an infinite drift as `Infinity`, and each number as Python prints it."""
    made = report(*(cycle(number) for number in range(1, 7)))
    old = asdict(made)
    old["drifts"]["disk"]["change"] = math.inf
    read = Report.from_json(json.dumps(old, indent=1))
    assert read.drifts["disk"].change == math.inf
    assert replace(read, drifts=made.drifts) == made


def test_report_whose_costs_are_mostly_nothing_is_valid_json() -> None:
    drift = find_drift([0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0])
    assert drift is not None
    text = replace(report(), drifts={"disk": drift}).to_json()
    jsonschema.validate(json.loads(text, parse_constant=pytest.fail), SCHEMA)


def test_missing_report_is_named() -> None:
    with pytest.raises(UsageError, match="no-such"):
        read_report(Path("/no-such"))


def test_directory_that_cannot_be_made_is_refused_before_the_campaign(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to"):
        make_directory(tmp_path / "file" / "below")


def test_every_file_is_written_and_the_report_read_again(tmp_path: Path) -> None:
    write_report(eventful(), tmp_path)
    assert read_report(tmp_path) == eventful()
    assert {it.name for it in tmp_path.iterdir()} == {"report.json", "report.html", "levels.csv", "junit.xml", "charts"}
    drawn = {it.stem for it in (tmp_path / "charts").glob("*.svg")}
    assert drawn == {it.stem for it in (tmp_path / "charts").glob("*.png")}
    assert {"phases", "fit", "memory", "disk", "round-trips", "cycles", "soak"} == drawn
    for file in (tmp_path / "charts").glob("*.svg"):
        assert ET.parse(file).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 our own
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in (tmp_path / "charts").glob("*.png"))


def test_csv_has_a_row_for_each_level_and_a_cell_for_each_heading() -> None:
    rows = list(csv.DictReader(io.StringIO(levels_csv(eventful()))))
    assert len(rows) == 2 + 4 + 4
    assert all(None not in row and None not in row.values() for row in rows)
    assert (rows[0]["chain"], rows[0]["level"], rows[0]["dockerd_fds"]) == ("dream-1", "1", "21")


def test_junit_shows_walls_leaks_and_kicks_as_failures() -> None:
    suites = ET.fromstring(junit(eventful()))  # noqa: S314 our own
    failures = {
        (case.get("classname"), case.get("name"))
        for case in suites.iter("testcase")
        if case.find("failure") is not None
    }
    assert failures == {
        ("inception.dream-1", "level 3"),
        ("inception.dream-2", "unwinds"),
        ("inception.host", "nothing is left behind"),
    }
    skipped = [case.get("name") for case in suites.iter("testcase") if case.find("skipped") is not None]
    assert skipped == ["level 4"]
    for suite in suites:
        assert int(suite.get("tests", "0")) == len(suite.findall("testcase"))


def test_junit_of_a_good_campaign_has_no_failure() -> None:
    assert ET.fromstring(junit(report())).find(".//failure") is None  # noqa: S314 our own


class _Outline(HTMLParser):
    """Collects a page's text, tags, attributes and links, and checks that its tags are balanced."""

    VOID = frozenset({"meta", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _outline(text: str) -> _Outline:
    outline = _Outline()
    outline.feed(text)
    outline.close()
    return outline


@pytest.mark.parametrize("made", [report(), eventful()], ids=["plain", "eventful"])
def test_page_is_balanced_and_fetches_nothing(made: Report) -> None:
    outline = _outline(page(made))
    assert outline.open == []
    assert outline.fetched == ["data:,"]
    assert "script" not in outline.tags
    assert "url(" not in page(made)
    assert page(made).startswith("<!doctype html>")


_HOSTILE = """<script>alert("1")</script> & 'two' "three" onload="x" </title></style></pre>"""


def _hostile_report() -> Report:
    """Return a report in which every free text, those of engines above all, is HTML."""
    made = eventful()
    walled, (killed, busy) = made.cycles[0].chains[0], made.cycles[1].chains
    assert walled.wall
    assert killed.kill
    assert busy.churn
    wall = replace(
        walled.wall, title=_HOSTILE, phase=_HOSTILE, message=_HOSTILE, evidence=(_HOSTILE,), remedy=_HOSTILE,
        log_tail=(_HOSTILE, _HOSTILE),
    )  # fmt: skip
    first = replace(made.cycles[0], chains=(replace(walled, name=_HOSTILE, wall=wall),), leaks=(_HOSTILE,) * 5)
    second = replace(
        made.cycles[1],
        leaks=(_HOSTILE,),
        chains=(
            replace(killed, name=_HOSTILE, kill=replace(killed.kill, target=_HOSTILE)),
            replace(busy, name=_HOSTILE, churn=replace(busy.churn, errors=(_HOSTILE,))),
        ),
    )
    where = {it.name: _HOSTILE for it in fields(Environment) if isinstance(getattr(made.environment, it.name), str)}
    return replace(
        made,
        cycles=(first, second),
        environment=replace(made.environment, **where),  # type: ignore[arg-type]
        verdict=replace(made.verdict, headline=_HOSTILE, findings=(_HOSTILE,)),
        campaign=replace(made.campaign, command=("inception", _HOSTILE)),
    )


def test_page_escapes_whatever_a_report_holds() -> None:
    hostile = _hostile_report()
    outline = _outline(page(hostile))
    assert outline.open == []
    assert "script" not in outline.tags
    assert "onload" not in outline.attributes
    assert outline.text.count(_HOSTILE) >= 10
    assert f"{_HOSTILE}\n{_HOSTILE}" in outline.text


def test_charts_escape_whatever_a_report_holds() -> None:
    hostile = [replace(chart, title=_HOSTILE) for chart in charts(_hostile_report())]
    for chart in hostile:
        root = ET.fromstring(chart_svg(chart))  # noqa: S314 our own
        assert root.find(".//{*}script") is None
        assert root.findtext("{*}title") == _HOSTILE
    (cycles,) = (chart for chart in hostile if chart.name == "cycles")
    titles = [it.text or "" for it in ET.fromstring(chart_svg(cycles)).iterfind(".//{*}title")]  # noqa: S314 our own
    assert f"left behind: {_HOSTILE}" in titles


def test_page_shows_the_verdict_first_and_messages_as_text() -> None:
    text = page(eventful())
    assert text.index("The wall is PID namespaces") < text.index("<h2>The wall</h2>") < text.index("<h2>Measured</h2>")
    assert "pipe: &lt;EOF&gt; &amp;" in text
    assert "<EOF>" not in text
    assert "mount /left &lt;behind&gt;" in text
    assert "no such image" in text
    assert "inception stress --max-depth 4" in text
    assert "prefers-color-scheme:dark" in text


def test_phases_of_a_level_add_up_to_its_time() -> None:
    one = level(1, begun_s=0.0, unwind_s=0.1)
    took = phase_seconds(one)
    assert sum(took.values()) == pytest.approx(one.ready_s)
    # The image is grafted inside containerd's phase: counted once.
    assert took["containerd"] == pytest.approx(0.04)
    assert took["image"] == pytest.approx(0.02)


def test_chart_of_cycles_marks_a_leak() -> None:
    drawn = {
        chart.name: chart_svg(chart) for chart in charts(report(cycle(1), cycle(2, leaks=("link incep0",)), cycle(3)))
    }
    assert drawn["cycles"].count('class="ring"') == 1
    assert "left behind: link incep0" in drawn["cycles"]


def test_chart_without_measurements_is_left_out() -> None:
    bare = replace(chain(), levels=tuple(replace(it, measure=None, run_s=None) for it in chain().levels))
    assert {chart.name for chart in charts(report(cycle(1, bare)))} == {"phases", "fit"}
    assert charts(replace(report(), cycles=())) == ()
    assert "<h2>Where it ran</h2>" in page(replace(report(), cycles=(), fits={}))


def test_trace_keeps_to_the_format_and_its_levels_nest() -> None:
    lives = [it for it in check_trace(trace(eventful())) if it["cat"] == "level" and it["pid"] == 2]
    assert len(lives) == 4
    for outer, inner in itertools.pairwise(lives):
        assert outer["tid"] == inner["tid"]
        assert outer["ts"] <= inner["ts"]
        assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]


def test_killed_level_ends_in_the_trace_with_the_levels_below_it() -> None:
    first, *others = chain().levels
    killed = replace(first, spans=tuple(it for it in first.spans if it.phase != "unwind"))
    events = check_trace(trace(report(cycle(1, replace(chain(), levels=(killed, *others))))))
    ends = {it["name"]: it["ts"] + it["dur"] for it in events if it["cat"] == "level"}
    assert ends["level 1"] == ends["level 2"] > 20_000_000


@pytest.mark.parametrize(
    ("ts", "dur"), [pytest.param(50, 100, id="overlapping"), pytest.param(-1, 1, id="early"), (10, -1), (1.5, 1)]
)
def test_check_of_traces_can_fail(ts: float, dur: float) -> None:
    name = {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "x"}}
    events = [
        {"ph": "X", "name": "x", "cat": "c", "pid": 1, "tid": 1, "ts": begun, "dur": took}
        for begun, took in ((0, 100), (ts, dur))
    ]
    with pytest.raises(AssertionError):
        check_trace(json.dumps({"traceEvents": [name, *events], "displayTimeUnit": "ms"}))


def test_trace_counts_microseconds_and_shows_a_start_on_the_level_above() -> None:
    (start,) = (it for it in check_trace(trace(report())) if it["name"] == "start level 2")
    (ready,) = (it for it in check_trace(trace(report())) if (it["name"], it["pid"], it["tid"]) == ("ready", 1, 2))
    assert (start["ts"], start["dur"], start["tid"]) == (1_010_000, 200_000, ready["tid"])


def test_page_shows_the_numbers_of_the_report() -> None:
    tiles = re.findall(r'<div class="tile"><b>(.*?)</b><span>(.*?)</span>', page(report()))
    assert {name: value for value, name in tiles}["levels deep"] == "4 of 4"
    assert {name: value for value, name in tiles}["down, a level"] == "900 ms"
