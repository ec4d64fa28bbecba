"""The files of a report: JSON by its schema, CSV, JUnit, the page and its charts, the trace."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from inception.errors import UsageError
from inception.stress.report.charts import charts, phase_seconds
from inception.stress.report.files import levels_csv, make_directory, read_report, write_report
from inception.stress.report.junit import junit
from inception.stress.report.page import page
from inception.stress.report.record import Report
from inception.stress.report.trace import trace
from tests.factories.stress_reports import chain, cycle, eventful, level, report
from tests.factories.trace_format import check_trace

SCHEMA = json.loads((files("inception.stress.report") / "report.schema.json").read_text())


@pytest.mark.parametrize("made", [report(), eventful()], ids=["plain", "eventful"])
def test_a_report_survives_json_and_keeps_to_its_schema(made: Report) -> None:
    text = made.to_json()
    assert Report.from_json(text) == made
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(text), SCHEMA)


@pytest.mark.parametrize("damage", [{"version": 2}, {"seconds": "long"}, {"surprise": 1}, {"ending": "happy"}])
def test_the_schema_refuses_what_is_no_report(damage: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(report().to_json()), **damage}, SCHEMA)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '"report"'])
def test_what_is_no_report_is_not_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(UsageError, match="is no report"):
        read_report(tmp_path)


def test_a_report_of_another_version_is_not_read() -> None:
    with pytest.raises(ValueError, match="version 99"):
        Report.from_json(replace(report(), version=99).to_json())


def test_a_missing_report_is_named() -> None:
    with pytest.raises(UsageError, match="no-such"):
        read_report(Path("/no-such"))


def test_a_directory_that_cannot_be_is_refused_before_the_campaign(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to"):
        make_directory(tmp_path / "file" / "below")


def test_everything_is_written_and_read_again(tmp_path: Path) -> None:
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


def test_junit_tells_walls_leaks_and_kicks_as_failures() -> None:
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
    """What a page asks for from elsewhere, and whether its tags are balanced."""

    VOID = frozenset({"meta", "link", "br", "path", "line", "rect", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wants: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wants += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.wants += [tag] if tag == "script" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("made", [report(), eventful()], ids=["plain", "eventful"])
def test_the_page_is_whole_and_needs_nothing_else(made: Report) -> None:
    outline = _Outline()
    outline.feed(page(made))
    assert outline.open == []
    assert outline.wants == ["data:,"]
    assert "url(" not in page(made)


def test_the_page_says_the_verdict_first_and_what_was_said_as_text() -> None:
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


def test_a_leak_is_marked_in_the_chart_of_cycles() -> None:
    drawn = {chart.name: chart.body for chart in charts(report(cycle(1), cycle(2, leaks=("link incep0",)), cycle(3)))}
    assert drawn["cycles"].count('class="ring"') == 1
    assert "left behind: link incep0" in drawn["cycles"]


def test_charts_are_left_out_where_nothing_was_measured() -> None:
    bare = replace(chain(), levels=tuple(replace(it, measure=None, run_s=None) for it in chain().levels))
    assert {chart.name for chart in charts(report(cycle(1, bare)))} == {"phases", "fit"}
    assert charts(replace(report(), cycles=())) == ()
    assert "<h2>Where it ran</h2>" in page(replace(report(), cycles=(), fits={}))


def test_a_trace_keeps_to_the_format_and_its_levels_nest() -> None:
    lives = [it for it in check_trace(trace(eventful())) if it["cat"] == "level" and it["pid"] == 2]
    assert len(lives) == 4
    for outer, inner in itertools.pairwise(lives):
        assert outer["tid"] == inner["tid"]
        assert outer["ts"] <= inner["ts"]
        assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]


def test_a_level_that_says_nothing_of_its_end_lives_as_long_as_those_below_it() -> None:
    first, *others = chain().levels
    killed = replace(first, spans=tuple(it for it in first.spans if it.phase != "unwind"))
    events = check_trace(trace(report(cycle(1, replace(chain(), levels=(killed, *others))))))
    ends = {it["name"]: it["ts"] + it["dur"] for it in events if it["cat"] == "level"}
    assert ends["level 1"] == ends["level 2"] > 20_000_000


@pytest.mark.parametrize(
    ("ts", "dur"), [pytest.param(50, 100, id="overlapping"), pytest.param(-1, 1, id="early"), (10, -1), (1.5, 1)]
)
def test_the_check_of_traces_can_fail(ts: float, dur: float) -> None:
    name = {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "x"}}
    events = [
        {"ph": "X", "name": "x", "cat": "c", "pid": 1, "tid": 1, "ts": begun, "dur": took}
        for begun, took in ((0, 100), (ts, dur))
    ]
    with pytest.raises(AssertionError):
        check_trace(json.dumps({"traceEvents": [name, *events], "displayTimeUnit": "ms"}))


def test_the_trace_is_in_microseconds_and_a_level_is_started_by_the_one_above() -> None:
    (start,) = (it for it in check_trace(trace(report())) if it["name"] == "start level 2")
    (ready,) = (it for it in check_trace(trace(report())) if (it["name"], it["pid"], it["tid"]) == ("ready", 1, 2))
    assert (start["ts"], start["dur"], start["tid"]) == (1_010_000, 200_000, ready["tid"])


def test_the_page_s_numbers_are_the_report_s() -> None:
    tiles = re.findall(r'<div class="tile"><b>(.*?)</b><span>(.*?)</span>', page(report()))
    assert {name: value for value, name in tiles}["levels deep"] == "4 of 4"
    assert {name: value for value, name in tiles}["down, a level"] == "900 ms"
