"""Run a command in isolation, as root: `.venv/bin/python -m tests.isolated -- .venv/bin/pytest tests/integration`.

The command has process, mount, network and control group namespaces of its own, and a root that takes every change
itself: an engine that it starts there, what that one leaves, and every comparison of "the host" before and after are
its alone, and nothing that it removes is removed from the machine, but in the checkout.
A copy of the disk with the level image comes along, in memory. All of it ends with the command.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.cache import CACHE
from tests.isolated.disk import template
from tests.isolated.run import run_isolated
from tests.isolated.slot import taken_slot


def main() -> int:
    """Return the status of the command."""
    parser = argparse.ArgumentParser(prog="tests.isolated", description=__doc__)
    parser.add_argument("command", nargs="*", help="what to run; without one, the disk's template is made")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("only root can make these namespaces: use sudo, or run the tests as they are with pytest")
    with taken_slot(lambda line: print(line, file=sys.stderr)) as slot:
        disk = template(CACHE / "isolated", slot)
        return run_isolated(slot, arguments.command, disk=disk) if arguments.command else 0


if __name__ == "__main__":
    sys.exit(main())
