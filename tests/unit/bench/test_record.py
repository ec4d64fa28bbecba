from __future__ import annotations

import json
from pathlib import Path

from tests.bench.floor import Floor
from tests.bench.ours import Costs, Descent
from tests.bench.record import changes, figures, read_figures, readme_table
from tests.bench.results import Results
from tests.bench.startup import Startup


def _results(scale: float = 1.0, *, memory: float = 50e6) -> Results:
    """Return the results of a run on a machine that is `scale` times slower."""
    ours = Descent(depth=2, down_s=scale, up_s=0.2 * scale, ready_s=(0.5 * scale, scale))
    floor = Floor(containerd_s=0.1 * scale, dockerd_s=0.2 * scale, create_s=0.1 * scale, start_s=0.1 * scale)
    return Results(
        ours={2: ours, 4: ours},
        naive={2: Descent(depth=2, down_s=9 * scale, up_s=scale, ready_s=(4.5 * scale, 9 * scale))},
        floors=(floor,),
        kicks_s={2: 0.3 * scale, 4: 0.3 * scale},
        costs=Costs(depth=2, memory=memory, memory_mean=memory, disk=1e6),
        quiet=ours,
        fit=None,
        startup=Startup(help_s=0.1 * scale, plan_s=0.2 * scale, echo_s=0.001 * scale),
    )


def test_a_slower_machine_is_no_change() -> None:
    assert changes(figures(_results()), figures(_results(3.0))) == []


def test_what_got_worse_is_named_first_and_what_is_new_passed_over() -> None:
    before = {**figures(_results()), "gone": 1.0, "inception plan, floors": 0.8}
    now = {**figures(_results(memory=75e6)), "new": 1.0}
    worse, better = changes(before, now)
    assert worse.split() == ["memory", "a", "level,", "MB", "50.000", "75.000", "1.50", "times:", "WORSE"]
    assert better.endswith("0.50 times: better")


def test_figures_are_read_from_the_report_of_a_run(tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    assert read_figures(report) is None
    report.write_text("{}")
    assert read_figures(report) is None
    report.write_text(json.dumps({"figures": {"a": 1.5}}))
    assert read_figures(report) == {"a": 1.5}


def test_the_table_of_the_readme_has_a_row_a_depth() -> None:
    machine = {"cpus": 2, "kernel": "6.18", "engine": "20.10"}
    lines = readme_table(_results(), machine)
    assert lines[0] == "One run on 2 cores (Linux 6.18, Docker 20.10 outside):"
    assert lines[-2:] == [
        "| 2 | 0.50 s | 1.00 | 9.0 | 0.10 s | 0.30 s |",
        "| 4 | 0.50 s | 1.00 | | 0.05 s | 0.30 s |",
    ]
