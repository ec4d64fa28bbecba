"""Build the level image on an engine."""

from __future__ import annotations

import time
from collections.abc import Callable

import docker
from docker.utils import parse_repository_tag

from inception.engine.translate import reason, translated
from inception.errors import ImageError, UsageError
from inception.image.dockerfile import build_by_dockerfile
from inception.image.method import BuildMethod
from inception.image.mmdebstrap import build_by_mmdebstrap, has_mmdebstrap
from inception.image.own_root import build_from_own_root, own_level_image
from inception.image.recipe import LABEL_RECIPE, LABEL_WAY, LABEL_WITHOUT, Recipe, find_recipe
from inception.image.staging import staging_directory
from inception.image.store import find_image, remove_superseded
from inception.places import locked
from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """A level image just built: `size_bytes` is unpacked, `seconds` the duration of the build."""

    tag: str
    image_id: str
    size_bytes: int
    method: BuildMethod
    seconds: float


def build_image(
    client: docker.APIClient,
    recipe: Recipe,
    *,
    method: BuildMethod = BuildMethod.AUTO,
    on_message: Callable[[str], None],
) -> BuiltImage:
    """Build the level image of `recipe` and tag it, in place of an older one. A build that fails leaves nothing behind.

    `on_message` gets lines for the user. Raises ImageError, EngineError, and UsageError for options that exclude each
    other.
    """
    started = time.monotonic()
    chosen = choose_method(client, method, recipe, on_message)
    tag = recipe.tag()
    labels = {LABEL_RECIPE: recipe.digest(), LABEL_WAY: chosen.value}
    if left_out := recipe.left_out():
        labels[LABEL_WITHOUT] = ",".join(left_out)
    with staging_directory() as staging:
        recipe.stage(staging / "recipe")
        if chosen is BuildMethod.DOCKERFILE:
            build_by_dockerfile(
                client, staging / "recipe", tag=tag, base=recipe.base_image(), labels=labels, on_message=on_message
            )
        elif chosen is BuildMethod.OWN_ROOT:
            build_from_own_root(client, recipe, labels=labels, on_message=on_message)
        else:
            build_by_mmdebstrap(client, staging, recipe, labels=labels, on_message=on_message)
    with translated("reading the level image"):
        image = client.inspect_image(tag)
    remove_superseded(client)
    built = BuiltImage(
        tag=tag, image_id=image["Id"], size_bytes=image["Size"], method=chosen, seconds=time.monotonic() - started
    )
    on_message(f"built {tag} with {chosen} in {built.seconds:.0f} s: {built.size_bytes / 1e6:.0f} MB unpacked")
    return built


def ensure_image(client: docker.APIClient, *, on_message: Callable[[str], None]) -> str:
    """Return the id of the default level image, built if it is missing; processes at the same time build it once.

    Raises ImageError and EngineError.
    """
    recipe = find_recipe()
    with locked("image-build.lock"):
        image_id = find_image(client, recipe.tag())
        if image_id is None:
            on_message(f"the level image {recipe.tag()} is missing: building it, once")
            image_id = build_image(client, recipe, on_message=on_message).image_id
    return image_id


def choose_method(
    client: docker.APIClient, method: BuildMethod, recipe: Recipe, on_message: Callable[[str], None]
) -> BuildMethod:
    """Return the method that works on this engine, of those that `method` and `recipe` allow; never AUTO.

    Raises ImageError if there is none, UsageError for options that exclude each other, and EngineError.
    """
    if method is BuildMethod.MMDEBSTRAP:
        if recipe.base is not None:
            raise UsageError(
                f"mmdebstrap starts from packages, not from {recipe.base}",
                remedy="leave out --base or --method mmdebstrap",
            )
        return method
    if method is BuildMethod.OWN_ROOT or (method is BuildMethod.AUTO and own_level_image(recipe) is not None):
        return BuildMethod.OWN_ROOT
    base_image = recipe.base_image()
    refusal = _fetch_base(client, base_image, on_message)
    if refusal is None:
        return BuildMethod.DOCKERFILE
    if method is BuildMethod.DOCKERFILE or recipe.base is not None:
        raise ImageError(
            f"no base image {base_image}: {refusal}",
            remedy="docker pull or docker load it, or name another with --base",
        )
    if not has_mmdebstrap():
        raise ImageError(
            f"no base image {base_image} ({refusal}), and mmdebstrap is not installed",
            remedy="install mmdebstrap, or name a base image that is here with --base",
        )
    on_message(f"no registry gives {base_image} ({refusal}): building with mmdebstrap")
    return BuildMethod.MMDEBSTRAP


def _fetch_base(client: docker.APIClient, base: str, on_message: Callable[[str], None]) -> str | None:
    """Have the engine pull `base` unless it has it; return the reason if it cannot, None if it has it."""
    if find_image(client, base) is not None:
        return None
    on_message(f"pulling {base}")
    repository, tag = parse_repository_tag(base)
    with translated(f"pulling {base}"):
        try:
            client.pull(repository, tag=tag or "latest")
        except docker.errors.APIError as error:
            return reason(error)
        # A pull that fails half-way reports it in its stream, which the SDK does not read.
        return None if find_image(client, base) is not None else "the pull did not finish"
