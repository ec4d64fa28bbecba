"""Run a command with another engine as level 0, whose address is in DOCKER_HOST."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.engines.engine import ADDRESS, running_engine, start_first_container
from tests.engines.kinds import OUTSIDE, kind_named


def main() -> int:
    """Return the status of the command."""
    parser = argparse.ArgumentParser(prog="tests.engines", description=__doc__)
    parser.add_argument("kind", choices=[kind.name for kind in OUTSIDE], help="the engine")
    parser.add_argument("command", nargs="+", help="what to run")
    arguments = parser.parse_args()
    with running_engine(kind_named(arguments.kind)) as engine:
        start_first_container()
        print(f"level 0: {arguments.kind}, {engine.version}, {engine.driver}, at {ADDRESS}", file=sys.stderr)
        return subprocess.run(arguments.command, env={**os.environ, "DOCKER_HOST": ADDRESS}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
