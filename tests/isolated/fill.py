"""Put the level image and its seeds on this machine's private engine: run inside, to make the disk's template."""

from __future__ import annotations

import sys

from inception.chain.prepare import prepare
from inception.engine.connect import EngineChoice, connect
from inception.image.recipe import default_tag
from inception.plan.request import Request, parse_level_store

STORES = ("auto", "containerd")
"""Image stores, as they are asked for, that get a seed: making one takes half a minute, and many tests need both."""

if __name__ == "__main__":
    with connect(EngineChoice.PRIVATE, on_message=lambda line: print(line, file=sys.stderr)) as engine:
        for store in STORES:
            request = Request(depth=1, name="fill", image=default_tag(), image_store=(parse_level_store(store),))
            prepare(engine, request, lambda line: print(line, file=sys.stderr))
