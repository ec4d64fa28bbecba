from __future__ import annotations

import json

import pytest

from inception.cli.doctor_report import print_report, print_report_json
from inception.plan.request import PidMode
from inception.probe.checks.boot import booted, did_not_boot
from inception.probe.checks.check import CheckStatus, Finding
from inception.probe.depth_limit import DepthLimit

GOOD = Finding(name="kernel", status=CheckStatus.PASS, measured="Linux 6.12", why="All levels run on it.", remedy=None)
BAD = Finding(name="disk", status=CheckStatus.FAIL, measured="1 B free", why="It fills up.", remedy="docker system df")
DEPTH_LIMITS = (DepthLimit(mode=PidMode.AUTO, depth=400, wall="24 GB of memory free, 61 MB a level"),)


def test_files_get_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_report((GOOD, BAD), DEPTH_LIMITS)
    assert capsys.readouterr().out.splitlines() == [
        "pass  kernel  Linux 6.12",
        "              All levels run on it.",
        "fail  disk    1 B free",
        "              It fills up.",
        "              $ docker system df",
        "",
        "1 pass, 1 fail",
        "",
        "after the failed checks are remedied:",
        "400 levels with --pid auto; the next is stopped by: 24 GB of memory free, 61 MB a level",
    ]


def test_remedies_are_not_mentioned_where_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    print_report((GOOD,), DEPTH_LIMITS)
    assert "remedied" not in capsys.readouterr().out


def test_an_unreadable_machine_has_no_greatest_depth(capsys: pytest.CaptureFixture[str]) -> None:
    print_report((GOOD,), ())
    assert "is not known" in capsys.readouterr().out


def test_json_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    print_report_json((GOOD, BAD), DEPTH_LIMITS)
    report = json.loads(capsys.readouterr().out)
    assert report["checks"][1] == {
        "name": "disk",
        "status": "fail",
        "measured": "1 B free",
        "why": "It fills up.",
        "remedy": "docker system df",
    }
    assert report["reach"] == [{"mode": "auto", "depth": 400, "wall": "24 GB of memory free, 61 MB a level"}]


def test_a_level_that_booted() -> None:
    finding = booted("26.1.5", 1.234)
    assert (finding.name, finding.status, finding.remedy) == ("boot", CheckStatus.PASS, None)
    assert finding.measured == "level 1 answered after 1.2 s: Docker 26.1.5"


def test_a_level_that_did_not_boot() -> None:
    finding = did_not_boot("level 1 failed at dockerd: timed out", "use --patience 2")
    assert (finding.status, finding.remedy) == (CheckStatus.FAIL, "use --patience 2")
    assert did_not_boot("level 1 failed at dockerd: timed out", None).remedy
