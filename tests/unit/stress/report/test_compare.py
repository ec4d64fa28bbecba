"""Two reports compared, the requirements of a pipeline, and the verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from inception.cli.commands import stress
from inception.cli.main import run_arguments
from inception.stress.campaign import Campaign
from inception.stress.report.compare import compare
from inception.stress.report.files import write_report
from inception.stress.report.gates import Gates, unmet_by_comparison, unmet_by_report
from inception.stress.report.record import Ending, Report, SoakSample, Status
from tests.factories.stress_reports import chain, cycle, eventful, report

SLOWER = report(cycle(1, chain("dream-1", ready_s=1.35)))


def test_slower_report_is_worse_in_time_alone() -> None:
    worse = {it.name for it in compare(report(), SLOWER).differences if it.verdict == "worse"}
    assert worse == {"time"}
    assert compare(report(), SLOWER).is_worse
    assert not compare(SLOWER, report()).is_worse


def test_regression_must_exceed_the_threshold() -> None:
    comparison = compare(report(), SLOWER)
    assert list(unmet_by_comparison(Gates(regression=0.2), comparison)) == ["time grew by 50%, beyond noise"]
    assert list(unmet_by_comparison(Gates(regression=0.6), comparison)) == []
    assert list(unmet_by_comparison(Gates(), comparison)) == []


def test_less_depth_is_a_regression() -> None:
    shallow = report(cycle(1, chain("dream-1", 3)), depth=3)
    assert list(unmet_by_comparison(Gates(regression=0.2), compare(report(), shallow))) == ["depth 3 was 4 before"]


def test_gates_name_each_requirement_that_a_report_does_not_meet() -> None:
    assert list(unmet_by_report(Gates(min_depth=4, no_leaks=True), report())) == []
    assert list(unmet_by_report(Gates(min_depth=5), report())) == ["depth 4 is under 5"]
    unmet = list(unmet_by_report(Gates(no_leaks=True), eventful()))
    assert unmet == ["1 left behind: mount /left <behind>", "chain dream-2 had to be kicked"]


@pytest.mark.parametrize(
    ("arguments", "status"), [((), 0), (("--fail-on-regression", "20%"), 1), (("--fail-on-regression", "60%"), 0)]
)
def test_compare_prints_the_change_and_sets_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int
) -> None:
    write_report(report(), tmp_path / "a")
    write_report(SLOWER, tmp_path / "b")
    found = run_arguments(["stress", "--compare", str(tmp_path / "a/report.json"), str(tmp_path / "b"), *arguments])
    assert found == status
    assert "+50.0%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--fail-on-regression", "20%"), "no report to compare with"),
        (("--fail-on-regression", "a fifth"), "is not a percentage"),
        (("--seed", "7"), "--seed is for --chaos"),
        (("--soak", "long"), "'long' is not a duration"),
        (("--soak", "0s"), "'0s' is not a positive duration"),
        (("--time-limit", "1h30"), "'1h30' is not a duration"),
        (("--max-depth", "0"), "nests nothing"),
    ],
)
def test_wrong_options_are_refused_before_the_campaign(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    assert run_arguments(["stress", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_report_command_renders_a_report_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_report(eventful(), tmp_path)
    (tmp_path / "report.html").unlink()
    trace = tmp_path / "trace.json"
    assert run_arguments(["report", str(tmp_path), "--trace", str(trace)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").exists()
    assert trace.exists()


def test_verdict_names_status_headline_and_findings() -> None:
    assert (report().verdict.status, report().verdict.headline) == (Status.REACHED, "depth 4 reached")
    assert report(cycle(1), cycle(2)).verdict.headline == "depth 4 reached, 2 times"
    assert eventful().verdict.headline == "the wall is PID namespaces, at level 3 of 4, in its phase start"
    stopped = report(ending=Ending.INTERRUPTED)
    assert (stopped.verdict.status, stopped.verdict.headline) == (Status.STOPPED, "stopped (interrupted) after 1 cycle")
    assert "1 thing left behind on the host" in eventful().verdict.findings


def test_chain_that_outlives_its_kill_is_a_finding() -> None:
    made = eventful()
    killed = made.cycles[1].chains[0]
    assert killed.kill
    alive = replace(killed, kill=replace(killed.kill, ended_s=None), kicked=False)
    assert report(cycle(1, alive), seed=7).verdict.findings == ("chain dream-2 went on without dockerd of level 1",)


def test_headline_of_chaos_counts_chains_that_did_not_unwind() -> None:
    killed = replace(eventful().cycles[1].chains[0], kicked=False)
    assert report(cycle(1, killed), seed=7).verdict.headline == "1 kill in 1 chain of depth 4, all unwound"
    kicked = report(cycle(1, replace(killed, kicked=True)), seed=7)
    assert kicked.verdict.headline == "1 kill in 1 chain of depth 4, 1 had to be kicked"


def test_drift_beyond_noise_is_a_finding() -> None:
    drifting: Report = report(*(cycle(it, chain(f"dream-{it}", ready_s=0.9 + 0.05 * it)) for it in range(1, 11)))
    assert drifting.verdict.findings == ("the time a level takes grew by 38% over 10 cycles",)


def test_growth_while_a_chain_is_held_is_a_finding() -> None:
    samples = [
        SoakSample(at_s=it, level=1, api_s=0.001, run_s=0.3, pss=70_000_000, threads=30, descriptors=60 + it)
        for it in range(20)
    ]
    held = replace(chain(), soak=tuple(samples))
    assert report(cycle(1, held)).verdict.findings == (
        "descriptors of level 1 of dream-1 grew by 27% while it was held",
    )
    steady = replace(chain(), soak=tuple(replace(it, descriptors=60) for it in samples))
    assert report(cycle(1, steady)).verdict.findings == ()


def test_report_prints_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["report", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(eventful().to_json()), schema)


def test_report_without_a_directory_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["report"]) == 2
    assert "no report is named" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seconds"), [("1d", 86_400.0), (" 1H30m ", 5400.0), ("90", 90.0)])
def test_soak_and_time_limit_take_every_duration(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    found: list[Campaign] = []

    def run(campaign: Campaign, _command: tuple[str, ...], **_: object) -> int:
        found.append(campaign)
        return 0

    monkeypatch.setattr(stress, "_run", run)
    assert run_arguments(["stress", "--soak", text, "--time-limit", text]) == 0
    assert [(it.soak_s, it.time_limit_s) for it in found] == [(seconds, seconds)]
