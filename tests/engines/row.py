"""Make one row of the table, in isolation: `python -m tests.engines.row KIND [--inside NAME...]`.

Each cell is kept once it is known: a row that ends early loses none.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from dataclasses import replace

from inception.engine.connect import Engine, connect_to
from tests.engines.cell import Cell, try_cell
from tests.engines.engine import ADDRESS, remove_containers, running_engine, start_first_container
from tests.engines.kept import keep, this_commit
from tests.engines.kinds import INSIDE, OUTSIDE, Inside, Kind, kind_named
from tests.engines.level_images import NoLevelImage, level_image, remove_outdated


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.engines.row", description=__doc__)
    parser.add_argument("kind", choices=[kind.name for kind in OUTSIDE])
    parser.add_argument("--inside", nargs="+", default=[it.name for it in INSIDE])
    arguments = parser.parse_args()
    kind = kind_named(arguments.kind)
    with running_engine(kind) as found, connect_to(ADDRESS, _say) as engine:
        _say(f"level 0: {kind.name}, {found.version}, {found.driver}")
        _check(kind, found.version)
        _tidy(engine)
        start_first_container()
        commit = this_commit()
        for inside in INSIDE:
            if inside.name in arguments.inside:
                keep(replace(_try(engine, kind, inside), commit=commit))


def _check(kind: Kind, version: str) -> None:
    if not version.startswith(kind.version):
        raise SystemExit(f"the engine of {kind.name} is {version}")


def _tidy(engine: Engine) -> None:
    """Remove what a run that was killed has left, and the images of recipes that were changed."""
    remove_containers()
    images = []
    for inside in INSIDE:
        with suppress(NoLevelImage):
            images.append(level_image(inside.suite))
    remove_outdated(engine.client, images)


def _try(engine: Engine, kind: Kind, inside: Inside) -> Cell:
    try:
        return try_cell(engine, kind.name, inside, _say)
    except Exception as error:  # noqa: BLE001 - the next cell may be a good one
        return Cell(outside=kind.name, inside=inside.name, cause=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
