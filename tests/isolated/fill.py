"""Put the level image and its seed on this machine's private engine: run inside, to make the disk's template."""

from __future__ import annotations

import sys

from inception.chain.prepare import prepare
from inception.engine.connect import EngineChoice, connect
from inception.image.recipe import default_tag
from inception.plan.request import Request

if __name__ == "__main__":
    with connect(EngineChoice.PRIVATE, on_message=lambda line: print(line, file=sys.stderr)) as engine:
        prepare(engine, Request(depth=1, name="fill", image=default_tag()), lambda line: print(line, file=sys.stderr))
