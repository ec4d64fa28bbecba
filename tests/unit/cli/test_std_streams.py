"""Standard streams that were closed when we started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
LOOK = """
import os, subprocess, sys
from inception.cli.std_streams import open_closed_streams
open_closed_streams()
places = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
subprocess.run(["sh", "-c", "cat; echo out; echo err >&2"], check=True)
sys.stdout.write("goes nowhere, or out")
sys.stderr.write("goes nowhere, or out")
open(sys.argv[1], "w").write("\\n".join(places))
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2), (0, 2), ()])
def test_closed_streams_become_the_null_device(closed: tuple[int, ...], tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    closing = " ".join(f"{number}>&-" for number in closed)
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closing}', "sh", sys.executable, "-c", LOOK, seen],
        input=b"",
        capture_output=True,
        cwd=CHECKOUT,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    places = seen.read_text().splitlines()
    assert [number for number in range(3) if places[number] == "/dev/null"] == list(closed)
