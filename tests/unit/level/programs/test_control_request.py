"""`descend` and `kick` without a client report the reason in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories.plans import FACTS, plan

CHECKOUT = Path(__file__).parents[4]


def _ask(directory: Path, what: str, *, remote: bool) -> subprocess.CompletedProcess[str]:
    made = replace(plan(2, replace(FACTS, run_root=str(directory))), remote=remote)
    file = directory / "plan.json"
    file.write_text(made.to_json())
    return subprocess.run(
        [sys.executable, "-m", "inception.level.programs.control_request", what],
        env={
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "INCEPTION_PLAN": str(file),
            "INCEPTION_LEVEL": "1",
            "INCEPTION_CLIENT": str(directory / "c1"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("what", ["descend", "kick"])
def test_a_client_on_another_machine_is_reported(tmp_path: Path, what: str) -> None:
    done = _ask(tmp_path, what, remote=True)
    assert done.returncode == 125
    assert done.stderr == (
        f"{what}: no client listens here: the chain was started from another machine, and can only be ended there\n"
    )


@pytest.mark.parametrize(("what", "instead"), [("descend", "grow"), ("kick", "kick")])
def test_a_client_that_is_gone_is_reported(tmp_path: Path, what: str, instead: str) -> None:
    done = _ask(tmp_path, what, remote=False)
    assert done.returncode == 125
    assert done.stderr.startswith(f"{what}: no client holds this session")
    assert f"`inception {instead}` on the host" in done.stderr
