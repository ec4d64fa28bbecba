"""Make the level images of all suites, as files that any engine loads: `python -m tests.engines.level_images SUITE...`.

They are built once, by the private engine, and kept in the cache; the name of a file is the tag of its image.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import docker

from inception.image.method import Suite
from inception.image.recipe import find_recipe
from inception.image.store import find_image, list_images, remove_image
from tests.cache import ENGINES
from tests.engines.lock import locked

_INCEPTION = Path(sys.executable).with_name("inception")


@dataclass(frozen=True, kw_only=True)
class LevelImage:
    """A level image in a file that `docker load` takes."""

    tag: str
    file: Path


class NoLevelImage(Exception):
    """Error: there is no level image of a suite; the message is the cause."""


def level_image(suite: str) -> LevelImage:
    """Return the level image of `suite`, whose file may not exist. Raises NoLevelImage for a suite that has none."""
    try:
        tag = find_recipe(suite=Suite(suite)).tag()
    except ValueError as error:
        raise NoLevelImage(str(error)) from error
    return LevelImage(tag=tag, file=ENGINES / "level-images" / suite / f"{tag.partition(':')[2]}.tar")


def missing_suites(suites: Iterable[str]) -> list[str]:
    """Return those of `suites` whose level image is still to be made."""
    missing = []
    for suite in sorted(suites):
        with suppress(NoLevelImage):
            if not level_image(suite).file.exists():
                missing.append(suite)
    return missing


def make_level_image(suite: str) -> LevelImage:
    """Return the level image of `suite`, built if it is missing. Raises NoLevelImage if that cannot be done."""
    image = level_image(suite)
    with locked(image.file.parent):
        if image.file.exists():
            return image
        # Expired Release files: see `root`.
        _run("image", "build", "--suite", suite, "--apt-option", 'Acquire::Check-Valid-Until "false"')
        image.file.parent.mkdir(exist_ok=True)
        for outdated in image.file.parent.iterdir():
            outdated.unlink()
        _run("image", "export", str(image.file), image.tag)
    return image


def _run(*arguments: str) -> None:
    done = subprocess.run((_INCEPTION, *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise NoLevelImage(lines[-1])


def put_on_engine(client: docker.APIClient, image: LevelImage) -> None:
    """Load the image into the engine unless it has it. Raises NoLevelImage without a file, and EngineError."""
    if find_image(client, image.tag) is None:
        if not image.file.exists():
            raise NoLevelImage(f"{image.tag} could not be built")
        with image.file.open("rb") as tarball:
            for message in client.load_image(tarball):
                if "error" in message:
                    raise NoLevelImage(message["error"])


def remove_outdated(client: docker.APIClient, images: list[LevelImage]) -> None:
    """Remove the level images, and their seeds, that are not among `images`. Raises EngineError."""
    wanted = {image.tag for image in images}
    for stored in list_images(client):
        for tag in stored.tags:
            if not any(tag.endswith(it) for it in wanted):
                remove_image(client, tag)


def main() -> None:
    for suite in sys.argv[1:]:
        try:
            make_level_image(suite)
        except NoLevelImage as error:
            print(f"no level image of {suite}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
