"""What the command line itself costs: until it has answered, and until a key typed at the bottom comes back."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pexpect

INCEPTION = str(Path(sys.executable).with_name("inception"))
_RUNS = 7
_KEYS = "abcdefghijklmnopqrstuvwxyz"
_LIMIT_S = 120


@dataclass(frozen=True, kw_only=True)
class Startup:
    """Medians, in seconds."""

    help_s: float
    plan_s: float
    echo_s: float


def measure_startup(depth: int) -> Startup:
    """Time `inception --help`, `inception plan` and a key at the bottom of `depth` levels."""
    return Startup(
        help_s=_run_s("--help"),
        plan_s=_run_s("plan", "--depth", str(depth)),
        echo_s=_echo_s(depth),
    )


def _run_s(*arguments: str) -> float:
    def once() -> float:
        begun_s = time.monotonic()
        subprocess.run([INCEPTION, *arguments], check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - begun_s

    return median(once() for _ in range(_RUNS))


def _echo_s(depth: int) -> float:
    shell: pexpect.spawn[str] = pexpect.spawn(
        INCEPTION,
        ["--depth", str(depth), "--quiet", "--name", "bench-echo", "--", "cat"],
        timeout=_LIMIT_S,
        encoding="utf-8",
    )
    shell.delaybeforesend = None  # By default pexpect waits 50 ms before each send.
    try:
        # The terminal there echoes what cat has not read yet; a line is only out once all is set up.
        shell.sendline("ready")
        shell.expect_exact("ready\r\nready\r\n")
        seconds = []
        for key in _KEYS:
            begun_s = time.monotonic()
            shell.send(key)
            shell.expect_exact(key)
            seconds.append(time.monotonic() - begun_s)
    finally:
        shell.sendline("")
        shell.sendeof()
        shell.expect(pexpect.EOF)
        shell.close()
    return median(seconds)
