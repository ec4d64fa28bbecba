"""`python -m tests.bench.preload`: images in every level by graft against `docker load` at each, in one run.

A chain is started with the images grafted, and without them: they are loaded there, at all levels at the same time. A
graft's seconds are those of the phases that have to do with images, beyond what they take without these images: the
graft itself, which goes on while containerd boots, and asking the engine for them. `boot` is what a level takes longer
from its first step until it is ready. The disk is that of level 1's volume, which has the data of all
levels in it.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import docker

from inception.chain.loading import load
from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.chain.status import find_chain
from inception.engine.connect import Engine, EngineChoice, connect
from inception.image.recipe import default_tag
from inception.plan.engine.options import LevelRange
from inception.plan.events import Event, Phase, State
from inception.plan.request import ImageStore, ImageTransfer, Request, parse_level_store

_REPOSITORY = "inception-bench-preload"
_DATA_ROOT = "/var/lib/docker"
_PHASES = (Phase.IMAGE, Phase.VERIFY, Phase.READY)


@dataclass(frozen=True, kw_only=True)
class Result:
    """Costs of the images for a chain: seconds to graft and to load them at all levels, and bytes of disk.

    Of the graft's, `image_s` are a level's for the graft itself, `verify_s` those to ask its engine; `boot_s` are those
    that the level takes longer on the whole.
    """

    store: ImageStore
    depth: int
    graft_s: float
    image_s: float
    verify_s: float
    boot_s: float
    load_s: float
    graft_bytes: int
    load_bytes: int


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


@contextmanager
def images(client: docker.APIClient, count: int, size: int) -> Iterator[tuple[str, ...]]:
    """Give the names of `count` images of `size` random bytes each; remove them in the end."""
    names = tuple(f"{_REPOSITORY}:{number}" for number in range(count))
    try:
        for name in names:
            repository, _, tag = name.partition(":")
            client.import_image_from_data(_root(size), repository=repository, tag=tag)
        yield names
    finally:
        for image in client.images(name=_REPOSITORY):
            client.remove_image(image["Id"], force=True)


def _root(size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        header = tarfile.TarInfo("data")
        header.size = size
        archive.addfile(header, io.BytesIO(os.urandom(size)))
    return buffer.getvalue()


def _disk(engine: Engine, chain: RunningChain) -> int:
    """Return the bytes in level 1's volume: the engine counts them."""
    mounts = engine.client.inspect_container(chain.plan.level(1).container)["Mounts"]
    (volume,) = [it["Name"] for it in mounts if it["Destination"] == _DATA_ROOT]
    volumes = engine.client.df()["Volumes"]
    return next(int(it["UsageData"]["Size"]) for it in volumes if it["Name"] == volume)


def _descend(engine: Engine, request: Request, at_bottom: Callable[[RunningChain], None]) -> tuple[float, ...]:
    """Start the chain of `request`, call `at_bottom`, and end it; return a level's seconds in each of `_PHASES`."""
    plan = prepare(engine, request, _say)
    seconds: dict[Phase, list[float]] = {phase: [] for phase in _PHASES}

    def note(event: Event) -> None:
        if event.phase in _PHASES and event.state is State.END and event.seconds is not None:
            seconds[event.phase].append(event.seconds)

    with running(engine.client, plan, note) as chain:
        at_bottom(chain)
    # The median keeps out a level in which the machine was at something else.
    return tuple(median(of_phase) for of_phase in seconds.values())


def measure(engine: Engine, names: tuple[str, ...], store: ImageStore, depth: int) -> Result:
    """Measure a chain of `depth` levels with and without the images."""
    without = Request(
        depth=depth,
        name=f"preload-{depth}",
        image=default_tag(),
        image_store=(parse_level_store(store),),
        image_transfer=ImageTransfer.GRAFT,
    )
    grafting = Request(**{**vars(without), "preload": names})
    # Made before the clock runs: a seed is made once for all chains.
    prepare(engine, grafting, _say)
    disks: list[int] = []
    load_s = 0.0

    def weigh(chain: RunningChain) -> None:
        disks.append(_disk(engine, chain))

    def load_and_weigh(chain: RunningChain) -> None:
        nonlocal load_s
        weigh(chain)
        begun_s = time.monotonic()
        load(find_chain(chain.plan.name), names, LevelRange(), on_message=lambda _: None, on_loaded=lambda _: None)
        load_s = time.monotonic() - begun_s
        weigh(chain)

    grafted_s = _descend(engine, grafting, weigh)
    bare_s = _descend(engine, without, load_and_weigh)
    image_s, verify_s, boot_s = (with_them - bare_ones for with_them, bare_ones in zip(grafted_s, bare_s, strict=True))
    grafted, bare, loaded = disks
    return Result(
        store=store,
        depth=depth,
        graft_s=(image_s + verify_s) * depth,
        image_s=image_s,
        verify_s=verify_s,
        boot_s=boot_s,
        load_s=load_s,
        graft_bytes=grafted - bare,
        load_bytes=loaded - bare,
    )


def main() -> None:
    """Print a row for each store and depth."""
    parser = argparse.ArgumentParser(prog="tests.bench.preload", description=__doc__)
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--megabytes", type=int, default=4, help="of each image")
    options = parser.parse_args()
    with (
        connect(EngineChoice.AUTO, on_message=_say) as engine,
        images(engine.client, options.images, options.megabytes * 10**6) as names,
    ):
        before = {it["Name"] for it in engine.client.volumes()["Volumes"] or ()}
        try:
            print(f"{options.images} images of {options.megabytes} MB each")
            print(
                f"{'store':<11} {'depth':>5} {'graft':>9} {'a level':>8} {'to ask':>8} {'boot':>8} {'load':>9} "
                f"{'graft, disk':>12} {'load, disk':>11}"
            )
            for depth in options.depths:
                for store in (ImageStore.OVERLAY2, ImageStore.CONTAINERD):
                    it = measure(engine, names, store, depth)
                    print(
                        f"{it.store:<11} {it.depth:>5} {it.graft_s:>7.2f} s {it.image_s * 1000:>5.1f} ms "
                        f"{it.verify_s * 1000:>5.1f} ms {it.boot_s * 1000:>5.1f} ms {it.load_s:>7.2f} s "
                        f"{it.graft_bytes / 1e6:>9.1f} MB {it.load_bytes / 1e6:>8.1f} MB",
                        flush=True,
                    )
        finally:
            for volume in {it["Name"] for it in engine.client.volumes()["Volumes"] or ()} - before:
                engine.client.remove_volume(volume)


if __name__ == "__main__":
    main()
