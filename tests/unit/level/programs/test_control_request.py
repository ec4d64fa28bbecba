"""`descend` and `kick` without a client report the reason in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[4]


def _ask(directory: Path, what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inception.level.programs.control_request", what],
        env={
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "INCEPTION_LEVEL": "1",
            "INCEPTION_CLIENT": str(directory / "c1"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("what", "instead"), [("descend", "grow"), ("kick", "kick")])
def test_a_client_that_is_gone_is_reported(tmp_path: Path, what: str, instead: str) -> None:
    done = _ask(tmp_path, what)
    assert done.returncode == 125
    assert done.stderr.startswith(f"{what}: no client holds this session")
    assert f"`inception {instead}` on the host" in done.stderr
