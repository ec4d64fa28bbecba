"""`python -m tests.vm.fill IMAGE.TAR TAG MODULES`: what would take long under emulation is done before.

This machine's engine is given the level image and its seed, and the modules are compiled by this machine's Python.
"""

from __future__ import annotations

import compileall
import sys
from pathlib import Path

from inception.chain.prepare import prepare
from inception.engine.connect import EngineChoice, connect
from inception.level.engine.client import load_tarball
from inception.plan.request import Request


def fill(tarball: Path, tag: str) -> None:
    """Load `tarball` into this machine's engine, and make the seed of the image `tag` in it."""
    with connect(EngineChoice.HOST, on_message=print) as engine:
        load_tarball(engine.client, tarball)
        prepare(engine, Request(depth=1, name="fill", image=tag), print)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), sys.argv[2])
    compileall.compile_dir(sys.argv[3], quiet=1)
