"""Print a table of engines outside, as level 0, by engines inside, in the levels: `python -m tests.engines.table`.

In each cell a chain descends, a container runs at its bottom, it grows and unwinds, and nothing is left. Each row is
isolated from the others. Roots and level images are made once. Each cell is kept: with `--resume` only those are tried
that are not green yet, so that the table can be made in pieces.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from inception.cli.output import print_table
from tests.engines.cell import Cell
from tests.engines.kept import kept
from tests.engines.kinds import INSIDE, OUTSIDE
from tests.engines.level_images import missing_suites

_ISOLATED = (sys.executable, "-m", "tests.isolated", "--", sys.executable, "-m")


def main() -> int:
    """Return 1 if a cell is not green."""
    parser = argparse.ArgumentParser(prog="tests.engines.table", description=__doc__)
    parser.add_argument(
        "--outside", nargs="+", default=[it.name for it in OUTSIDE], choices=[it.name for it in OUTSIDE]
    )
    parser.add_argument("--inside", nargs="+", default=[it.name for it in INSIDE], choices=[it.name for it in INSIDE])
    parser.add_argument("--resume", action="store_true", help="try only what is not green yet, on whichever commit")
    parser.add_argument("--json", action="store_true", help="print the cells as JSON")
    arguments = parser.parse_args()
    cells = [cell for outside in arguments.outside for cell in _row(outside, arguments.inside, resume=arguments.resume)]
    if arguments.json:
        print(json.dumps([asdict(cell) for cell in cells], indent=2))
    else:
        _print(cells, arguments.inside)
    return 0 if all(cell.green for cell in cells) else 1


def _row(outside: str, insides: Sequence[str], *, resume: bool) -> list[Cell]:
    """Return a cell for each of `insides`, also if the row ends early."""
    known = {cell.inside: cell for cell in (kept(outside, it) for it in insides) if resume and cell and cell.green}
    wanted = [it for it in insides if it not in known]
    if suites := missing_suites({it.suite for it in INSIDE if it.name in wanted}):
        subprocess.run((*_ISOLATED, "tests.engines.level_images", *suites), check=False)
    begun_s, status = time.time(), 0
    if wanted:
        command = (*_ISOLATED, "tests.engines.row", outside, "--inside", *wanted)
        status = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    for name in wanted:
        lost = Cell(outside=outside, inside=name, cause=f"the row ended with status {status}: see its messages")
        known[name] = kept(outside, name, since_s=begun_s) or lost
    return [known[name] for name in insides]


def _print(cells: Sequence[Cell], insides: Sequence[str]) -> None:
    rows: dict[str, list[str]] = {}
    for cell in cells:
        rows.setdefault(cell.outside, [cell.outside]).append(str(cell))
    print_table([["outside \\ inside", *insides], *rows.values()])
    for cell in cells:
        if not cell.green:
            print(f"{cell.outside}, {cell.inside}: {cell.cause}")
    print(f"tried with {', '.join(sorted({cell.commit for cell in cells if cell.commit})) or 'no commit'}")


if __name__ == "__main__":
    sys.exit(main())
