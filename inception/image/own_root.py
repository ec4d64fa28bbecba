"""Make the level image of the file system that this client runs in: the client image is a level image and a program.

So a machine that has the client image needs neither a registry nor Debian's servers for its levels.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from inception.engine.translate import translated
from inception.errors import ImageError
from inception.image.importing import import_root
from inception.image.recipe import LABEL_ENGINE, LABEL_RECIPE, Recipe

LEVEL_IMAGE_FILE = Path("/usr/lib/inception/level-image.json")
"""Labels of the level image that a client image was made of."""
_ADDED = ("usr/lib/inception", "usr/local/bin/inception")
"""Paths that a client image has beside those of its level image."""
_OF_THE_CONTAINER = ("run/*", "tmp/*", "var/tmp/*", "var/log/*.log", "var/lib/docker/*", "var/lib/containerd/*")
_CHUNK_BYTES = 1 << 20


def own_level_image(recipe: Recipe) -> dict[str, str] | None:
    """Return the labels of the level image that this file system comes from; None if `recipe` makes another one."""
    try:
        labels = json.loads(LEVEL_IMAGE_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return labels if labels.get(LABEL_RECIPE) == recipe.digest() else None


def build_from_own_root(
    client: docker.APIClient, recipe: Recipe, *, labels: dict[str, str], on_message: Callable[[str], None]
) -> None:
    """Stream this client's root into the engine as the image of `recipe`. Raises ImageError and EngineError."""
    own = own_level_image(recipe)
    if own is None:
        raise ImageError(
            "this client does not run in the client image of this recipe",
            remedy="run it in an image of inception image build --cli, or name another --method",
        )
    on_message("making the level image of the client image's own files")
    with _running_tar() as chunks, translated("importing the level image"):
        import_root(client, recipe, chunks, {**labels, LABEL_ENGINE: own.get(LABEL_ENGINE, "")})


@contextmanager
def _running_tar() -> Iterator[Iterator[bytes]]:
    """Give an archive of the root in chunks, without mounts. Reading them raises ImageError if tar fails."""
    excluded = (f"--exclude=./{path}" for path in (*_ADDED, *_OF_THE_CONTAINER))
    command = ("tar", "--create", "--one-file-system", "--numeric-owner", "--xattrs", *excluded, "--directory=/", ".")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None  # noqa: S101 for mypy: it is a pipe
    output = process.stdout

    def chunks() -> Iterator[bytes]:
        while chunk := output.read(_CHUNK_BYTES):
            yield chunk
        # 1 says that a file changed meanwhile: the container that this is may write a log.
        if (status := process.wait()) > 1:
            raise ImageError(f"tar of this client's root failed with status {status}", remedy="see inception image ls")

    try:
        yield chunks()
    finally:
        output.close()
        process.kill()
        process.wait()
