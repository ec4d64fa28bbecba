"""Start a process of this program that outlives us, and wait until it has said how it began."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import inception

READY = "ready"
"""Line on standard output of a process that has begun well."""


def start_background(module: str, *arguments: str) -> str | None:
    """Run `module` in a session of its own; return None once it is READY, otherwise the last line that it said."""
    process = subprocess.Popen(
        ["setsid", "--fork", sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": _import_path()},
    )
    with process:
        lines = process.stdout.read().split("\n") if process.stdout else []
    return None if READY in lines else next(filter(None, map(str.strip, reversed(lines))), "")


def report_ready() -> None:
    """Tell the process that started us that we are READY; from then on, write nowhere: nobody reads it."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _import_path() -> str:
    """Return a PYTHONPATH with which the process imports the same `inception`, installed or not."""
    return os.pathsep.join(filter(None, (str(Path(inception.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
