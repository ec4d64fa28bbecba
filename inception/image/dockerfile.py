"""Build the level image from its Dockerfile, where a registry gives the base image."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import tenacity

from inception.engine.translate import translated
from inception.errors import ImageError

LABEL_BUILD = "inception.build"
"""Label of what a build leaves half-way; the image itself starts from scratch and has it not."""
_CLEAN_UP_S = 15.0
"""Seconds for an engine to end a build whose client has gone: what belongs to it cannot be removed before."""
_KEPT_LINES = 50
_STEP = re.compile(r"Step \d+/\d+ : (?P<instruction>.*)")


def build_by_dockerfile(
    client: docker.APIClient,
    recipe_directory: Path,
    *,
    tag: str,
    base: str,
    labels: dict[str, str],
    progress: Callable[[str], None],
) -> None:
    """Build `recipe_directory`/Dockerfile on `base`, which the engine has, as `tag`. Raises ImageError, EngineError."""
    build = secrets.token_hex(8)
    try:
        with translated("building the level image"):
            output = client.build(
                path=str(recipe_directory),
                tag=tag,
                buildargs={"BASE": base, "BUILD": build},
                labels=labels,
                nocache=True,  # or apt would never look for newer packages
                rm=True,
                forcerm=True,
                decode=True,
                use_config_proxy=True,
            )
            _follow(output, progress)
    finally:
        _remove_stages(client, build, base)


def _follow(output: Iterator[dict[str, Any]], progress: Callable[[str], None]) -> None:
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    for entry in output:
        if "error" in entry:
            raise ImageError(
                f"the Dockerfile's build failed: {failure_in(lines, str(entry['error']))}",
                remedy="see that the base is Debian with apt, and that a container there reaches Debian's packages",
            )
        for line in str(entry.get("stream", "")).splitlines():
            if line.strip():
                lines.append(line.strip())
            if step := _STEP.match(line):
                progress(f"docker build: {step['instruction'].split(' &&')[0]}")


def failure_in(lines: deque[str], error: str) -> str:
    """What went wrong first, if apt or `finish` said so; else what the engine says of the step that failed."""
    return next((line[3:] for line in lines if line.startswith("E: ")), error)


def _remove_stages(client: docker.APIClient, build: str, base: str) -> None:
    """Remove the images of the build's steps: an engine keeps them as a cache that no later build would use."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(docker.errors.APIError),
        stop=tenacity.stop_after_delay(_CLEAN_UP_S),
        wait=tenacity.wait_fixed(0.5),
        reraise=True,
    )
    with translated("removing what the build left"):
        retrying(_remove_labelled, client, build, base)


def _remove_labelled(client: docker.APIClient, build: str, base: str) -> None:
    labelled = client.images(all=True, filters={"label": f"{LABEL_BUILD}={build}"})
    # The step before the label has no label, and is the parent of the first that has one.
    ids = {image["Id"]: None for image in sorted(labelled, key=lambda image: image["Created"], reverse=True)}
    parents = {image["ParentId"]: None for image in labelled if image["ParentId"]}
    keep = client.inspect_image(base)["Id"]
    for image_id in ids | parents:
        if image_id != keep:
            client.remove_image(image_id, noprune=True)
