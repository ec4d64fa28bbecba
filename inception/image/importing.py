"""Import a root, a stream of a tar archive, into an engine as a level image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import docker

from inception.errors import ImageError
from inception.image.recipe import Recipe


def import_root(client: docker.APIClient, recipe: Recipe, root: Iterator[bytes], labels: Mapping[str, str]) -> None:
    """Import `root` with the recipe's tag and settings, and `labels`. Raises ImageError, and the SDK's errors."""
    repository, _, version = recipe.tag().rpartition(":")
    changes = [*recipe.image_settings(), *(f"LABEL {name}={value}" for name, value in labels.items())]
    answer = client.import_image_from_stream(root, repository=repository, tag=version, changes=changes)
    for line in answer.splitlines():
        if error := json.loads(line).get("error"):
            raise ImageError(f"the engine refused the level image: {error}", remedy="see the engine's log")
