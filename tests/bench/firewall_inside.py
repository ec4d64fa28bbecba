"""Runs in a level: boots a second dockerd, in a network namespace of its own, with and without its iptables rules.

Prints one line of JSON: for each of `with` and `without` the seconds until the engine answers, the arguments of each
iptables that it starts, and the seconds that one takes to add, find and remove a rule.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from inception.level.api.client import ask_version
from inception.linux.retry import retry

_PLACE = Path("/tmp/bench-firewall")
_SOCKET = _PLACE / "docker.sock"
_TURNS = 8
_CALLS = 20
_LIMIT_S = 60.0
_POLL_S = 0.001
_RECORDER = """#!/bin/sh
echo "$*" >>{record}
exec {real} "$@"
"""


def boot(*options: str, path: str = os.environ["PATH"]) -> float:
    """Return the seconds until a fresh dockerd on this level's containerd answers. Raises OSError."""
    shutil.rmtree(_PLACE, ignore_errors=True)
    _PLACE.mkdir()
    own = ("--data-root", _PLACE / "data", "--exec-root", _PLACE / "exec", "--pidfile", _PLACE / "pid")
    command = ("unshare", "--net", "dockerd", *own, "--host", f"unix://{_SOCKET}", "--containerd", sys.argv[1])
    begun_s = time.monotonic()
    with subprocess.Popen((*command, *options), stderr=subprocess.DEVNULL, env={**os.environ, "PATH": path}) as dockerd:
        try:
            retry(lambda: ask_version(str(_SOCKET), _LIMIT_S), errors=OSError, limit_s=_LIMIT_S, pause_s=_POLL_S)
            return time.monotonic() - begun_s
        finally:
            dockerd.terminate()


def started() -> list[str]:
    """Return the arguments of each iptables that a boot starts."""
    programs, record = Path("/tmp/bench-firewall-programs"), Path("/tmp/bench-firewall-record")
    programs.mkdir(exist_ok=True)
    recorder = programs / "iptables"
    recorder.write_text(_RECORDER.format(record=record, real=shutil.which("iptables")))
    recorder.chmod(0o755)
    boot(path=f"{programs}:{os.environ['PATH']}")
    return record.read_text().splitlines()


def calls() -> dict[str, float]:
    """Return the seconds that one iptables takes for each action, in a network namespace that this process enters."""
    os.unshare(os.CLONE_NEWNET)  # type: ignore[attr-defined] # A level has Python 3.12 or newer.
    took: dict[str, list[float]] = {"-A": [], "-C": [], "-D": []}
    for _ in range(_CALLS):
        for action, its in took.items():
            begun_s = time.monotonic()
            subprocess.run(("iptables", "--wait", action, "FORWARD", "-s", "10.0.0.0/8", "-j", "ACCEPT"), check=True)
            its.append(time.monotonic() - begun_s)
    return {action: median(its) for action, its in took.items()}


def main() -> None:
    """Boot in turns, and print what was found."""
    boot()
    turns = [(boot(), boot("--iptables=false")) for _ in range(_TURNS)]
    with_s, without_s = (median(column) for column in zip(*turns, strict=True))
    print(json.dumps({"with": with_s, "without": without_s, "started": started(), "calls": calls()}))


if __name__ == "__main__":
    main()
