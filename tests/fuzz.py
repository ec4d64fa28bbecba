"""Run the readers' property tests with new random input until some minutes are over: `python -m tests.fuzz 10`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

READERS = "tests/property/test_readers_fuzz.py"
COMMAND = (sys.executable, "-m", "pytest", "--quiet", "--timeout=0", "--hypothesis-show-statistics", READERS)
PASSING = re.compile(r"(\d+) passing")


def main(minutes: str) -> int:
    """Return the status of the first round that fails, with what it printed, or 0."""
    end_s = time.monotonic() + 60 * float(minutes)
    rounds = inputs = 0
    while time.monotonic() < end_s:
        done = subprocess.run(
            COMMAND,
            env={**os.environ, "HYPOTHESIS_PROFILE": "fuzz"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.stdout.write(done.stdout)
            return done.returncode
        rounds += 1
        inputs += sum(int(count) for count in PASSING.findall(done.stdout))
    sys.stdout.write(f"{inputs} inputs in {rounds} rounds: each was read or refused\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
