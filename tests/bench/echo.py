"""`python -m tests.bench.echo`: from a keystroke to its echo, at several levels of one chain.

A terminal session is one hop whatever the depth, so the deepest level must echo as fast as the first.
"""

from __future__ import annotations

import os
import pty
import select
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INCEPTION = str(Path(sys.executable).with_name("inception"))
KEYSTROKES = 500
_WARM_UP = 50
_PAUSE_S = 0.002
"""Between two keystrokes: nobody types into a queue."""
_LIMIT_S = 30.0
_READY = b"ready"


@dataclass(frozen=True, kw_only=True)
class Echo:
    """Seconds from a keystroke to its echo at one level."""

    level: int
    p50_s: float
    p99_s: float


def measure(chain: str, level: int, keystrokes: int = KEYSTROKES) -> Echo:
    """Type into a terminal session at `level` of a chain that is there. The far terminal itself echoes each key."""
    with _session(chain, level) as terminal:
        taken_s = [_keystroke(terminal) for _ in range(_WARM_UP + keystrokes)][_WARM_UP:]
    return Echo(level=level, p50_s=statistics.median(taken_s), p99_s=statistics.quantiles(taken_s, n=100)[98])


@contextmanager
def _session(chain: str, level: int) -> Iterator[int]:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)  # What comes back comes from the far end.
    command = f"echo {_READY.decode()}; exec cat >/dev/null"
    process = subprocess.Popen(
        [INCEPTION, "exec", chain, "--level", str(level), "--", "sh", "-c", command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        received = b""
        while _READY not in received:
            received += _read(ours)
        yield ours
        os.write(ours, b"\n\x04")  # The end of cat's input.
        process.wait(_LIMIT_S)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _keystroke(terminal: int) -> float:
    time.sleep(_PAUSE_S)
    begun_s = time.perf_counter()
    os.write(terminal, b"x")
    while b"x" not in _read(terminal):
        pass
    return time.perf_counter() - begun_s


def _read(terminal: int) -> bytes:
    readable, _, _ = select.select([terminal], [], [], _LIMIT_S)
    if not readable:
        raise TimeoutError(f"nothing came back within {_LIMIT_S:g} s")
    return os.read(terminal, 4096)


def measure_levels(levels: Sequence[int], keystrokes: int = KEYSTROKES) -> list[Echo]:
    """Make a chain as deep as the deepest of `levels`, measure each, and end it."""
    up = [INCEPTION, "up", "--depth", str(max(levels)), "--quiet"]
    chain = subprocess.run(up, capture_output=True, text=True, check=True).stdout.strip()
    try:
        return [measure(chain, level, keystrokes) for level in levels]
    finally:
        subprocess.run([INCEPTION, "down", chain, "--quiet"], check=True)


def main() -> None:
    levels = [int(word) for word in sys.argv[1:]] or [1, 8, 32]
    print(f"{'level':>5}  {'p50':>8}  {'p99':>8}")
    for echo in measure_levels(levels):
        print(f"{echo.level:>5}  {echo.p50_s * 1e3:>5.2f} ms  {echo.p99_s * 1e3:>5.2f} ms")


if __name__ == "__main__":
    main()
