"""Run a command with another engine as level 0: its address is in DOCKER_HOST, and the tests' lock is held."""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
from pathlib import Path

from tests.engines.engine import ADDRESS, Store, running_engine
from tests.engines.root import make_root
from tests.integration.conftest import LOCK_VARIABLE, MachineLock

CACHE = Path(__file__).parents[2] / ".cache" / "engines"


def main() -> int:
    """Return the status of the command."""
    parser = argparse.ArgumentParser(prog="tests.engines", description=__doc__)
    parser.add_argument("--suite", default="forky", help="Debian suite whose docker.io is level 0")
    parser.add_argument("--store", type=Store, default=Store.CONTAINERD, choices=list(Store), help="its image store")
    parser.add_argument("command", nargs="+", help="what to run")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("only root can boot an engine beside the host's")
    lock = MachineLock()
    descriptor = lock.take(fcntl.LOCK_EX, lambda line: print(line, file=sys.stderr))
    state = CACHE / f"{arguments.suite}-{arguments.store}"
    try:
        # Under the lock too: its processes would show in another run's inventory.
        root = make_root(CACHE, arguments.suite)
        with running_engine(root, state, arguments.store) as engine:
            print(f"level 0: Docker {engine.version}, {engine.driver}, at {ADDRESS}", file=sys.stderr)
            environment = {**os.environ, "DOCKER_HOST": ADDRESS, LOCK_VARIABLE: str(descriptor)}
            return subprocess.run(arguments.command, env=environment, pass_fds=(descriptor,), check=False).returncode
    finally:
        lock.release()


if __name__ == "__main__":
    sys.exit(main())
