"""Make an image of a level image and one more layer, with a program in it; anew when either has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import docker

from inception.engine.translate import translated
from inception.errors import ImageError
from inception.image.byte_code import COMPILE
from inception.image.recipe import LABEL_MADE_OF
from inception.image.store import remove_superseded
from inception.places import locked
from inception.probe.helper_container import helper_container

LABEL_PROGRAM = "inception.program"
"""Label of the image: the digest of the program in it."""


@dataclass(frozen=True, kw_only=True)
class DerivedImage:
    """Image to be made: its `program` is a digest, `archive` makes the tar file of the layer at the image's root.

    `modules` is the directory of the Python modules in it. `instructions` are those of a Dockerfile, `settings` what a
    commit takes beside them.
    """

    tag: str
    program: str
    archive: Callable[[], bytes]
    modules: str
    instructions: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def ensure_derived(
    client: docker.APIClient, level_image_id: str, wanted: DerivedImage, *, on_made: Callable[[], None]
) -> str:
    """Return the id of the image of this level image and this program, made if need be in place of an older one.

    `on_made` is called after that. Raises ImageError and EngineError.
    """
    labels = {LABEL_MADE_OF: level_image_id, LABEL_PROGRAM: wanted.program}
    with locked("image-build.lock"):
        with translated(f"looking for image {wanted.tag}"):
            try:
                image = client.inspect_image(wanted.tag)
            except docker.errors.NotFound:
                image = None
        # From API 1.52 on, engines leave empty fields out.
        if image is not None and labels.items() <= ((image.get("Config") or {}).get("Labels") or {}).items():
            return str(image["Id"])
        archive = wanted.archive()
        with translated(f"making image {wanted.tag}"), _with_program(client, level_image_id, wanted, archive) as made:
            repository, _, version = wanted.tag.rpartition(":")
            changes = [*wanted.instructions, *(f"LABEL {name}={value}" for name, value in labels.items())]
            settings = dict(wanted.settings)
            image = client.commit(made, repository=repository, tag=version, changes=changes, conf=settings)
        remove_superseded(client)
    on_made()
    return str(image["Id"])


@contextmanager
def _with_program(client: docker.APIClient, level_image_id: str, wanted: DerivedImage, archive: bytes) -> Iterator[str]:
    """Create a container of the level image with the compiled program; remove it after the block."""
    with helper_container(client, level_image_id, [*COMPILE, wanted.modules]) as created:
        client.put_archive(created, "/", archive)
        client.start(created)
        if (status := client.wait(created)["StatusCode"]) != 0:
            output = client.logs(created, tail=1).decode(errors="replace").strip()
            raise ImageError(
                f"the program does not compile in the level image: {output or f'status {status}'}",
                remedy="build the level image again with --rebuild",
            )
        yield created
