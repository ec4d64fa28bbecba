from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inception.errors import InceptionError
from inception.stress.report.files import write_matrix
from inception.stress.report.gates import Gates, unmet_by_matrix
from inception.stress.report.matrix import EngineRecord, Matrix, PairRecord, matrix_causes, matrix_rows, pair_record
from inception.stress.report.record import Ending, Report
from tests.factories.stress_reports import CHURN, WALL, chain, cycle, report

OLD = EngineRecord(image="level:a", image_store="auto", engine_version="20.10.24")
NEW = EngineRecord(image="level:b", image_store="containerd", engine_version="28.5.2")
MATRIX = Matrix(
    version=1,
    begun=1_700_000_000.0,
    seconds=60.0,
    command=("inception", "stress", "--matrix", "level:a,level:b=containerd"),
    engines=(OLD, NEW),
    pairs=(
        PairRecord(outer=1, inner=1, depth=4, level_s=0.512),
        PairRecord(outer=1, inner=2, depth=1, cause="the wall is memory:\nno room", leaks=2),
        PairRecord(outer=2, inner=1, depth=4),
    ),
)


def test_the_time_of_a_pair_is_that_of_the_levels_below_the_first() -> None:
    slow_first = chain(depth=3, ready_s=0.5)
    slow_first = replace(slow_first, levels=(replace(slow_first.levels[0], ready_s=9.0), *slow_first.levels[1:]))
    found = pair_record(1, 2, report(cycle(1, slow_first)))
    assert found == PairRecord(outer=1, inner=2, depth=3, level_s=0.5)
    assert found.works


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        (report(cycle(1, replace(chain(), depth_reached=2, wall=WALL))), "the wall is PID namespaces"),
        (report(ending=Ending.TIME_LIMIT), "stopped (time limit)"),
        (report(cycle(1, leaks=("mount /left",))), "left behind: mount /left"),
        (report(cycle(1, replace(chain(), kicked=True))), "was kicked"),
        (report(cycle(1, replace(chain(), churn=CHURN))), "containers failed at the bottom: no such image"),
        (replace(report(), refusal=WALL, verdict=replace(report().verdict, headline="refused: it")), "refused: it"),
    ],
)
def test_a_pair_that_does_not_work_has_its_cause(found: Report, cause: str) -> None:
    pair = pair_record(1, 1, found)
    assert not pair.works
    assert cause in pair.cause
    assert (pair.leaks, pair.kicked) == (len(found.leaks), sum(it.kicked for it in found.chains))


def test_the_table_has_a_row_for_each_outer_engine_and_a_line_for_each_failure() -> None:
    assert matrix_rows(MATRIX) == [
        ["outside \\ inside", "20.10.24", "28.5.2 containerd"],
        ["20.10.24", "0.51 s", "FAILED"],
        ["28.5.2 containerd", "works", "-"],
    ]
    assert matrix_causes(MATRIX) == ["20.10.24 outside, 28.5.2 containerd inside: the wall is memory: no room"]


def test_engines_of_one_version_are_told_apart_by_their_images() -> None:
    same = replace(MATRIX, engines=(OLD, replace(OLD, image="level:c")))
    assert matrix_rows(same)[0][1:] == ["20.10.24 (level:a)", "20.10.24 (level:c)"]
    unknown = replace(MATRIX, engines=(replace(OLD, engine_version=""), NEW))
    assert matrix_rows(unknown)[0][1] == "level:a"


def test_requirements_hold_for_each_pair() -> None:
    assert list(unmet_by_matrix(Gates(), MATRIX)) == []
    unmet = list(unmet_by_matrix(Gates(min_depth=4, no_leaks=True), MATRIX))
    assert unmet == ["pair 1-2: depth 1 is under 4", "pair 1-2: 2 left behind"]
    kicked = replace(MATRIX, pairs=(replace(MATRIX.pairs[0], kicked=1),))
    assert list(unmet_by_matrix(Gates(no_leaks=True), kicked)) == ["pair 1-1: 1 had to be kicked"]


def test_the_table_is_a_file_of_json(tmp_path: Path) -> None:
    write_matrix(MATRIX, tmp_path)
    written = json.loads((tmp_path / "matrix.json").read_text())
    assert [it["image_store"] for it in written["engines"]] == ["auto", "containerd"]
    pair = {"outer": 1, "inner": 1, "depth": 4, "level_s": 0.512, "cause": "", "leaks": 0, "kicked": 0}
    assert written["pairs"][0] == pair
    with pytest.raises(InceptionError, match="cannot write"):
        write_matrix(MATRIX, tmp_path / "none")
