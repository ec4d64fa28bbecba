"""`python -m tests.vm.fill IMAGE.TAR TAG`: give an engine the level image and its seed."""

from __future__ import annotations

import sys
from pathlib import Path

from inception.chain.prepare import prepare
from inception.engine.connect import EngineChoice, connect
from inception.level.api import load_tarball
from inception.plan.request import Request


def fill(tarball: Path, tag: str) -> None:
    """Load `tarball` into this machine's engine, and make the seed of the image `tag` in it."""
    with connect(EngineChoice.HOST, progress=print) as engine:
        load_tarball(engine.client, tarball)
        prepare(engine, Request(depth=1, name="fill", image=tag), print)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), sys.argv[2])
