"""Build the level image from its Dockerfile, where the engine has or can pull the base image."""

from __future__ import annotations

import io
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import docker

from inception.callbacks import ignore
from inception.engine.translate import translated
from inception.errors import ImageError
from inception.image.recipe import LABEL_ENGINE
from inception.plan.engine.versions import parse_engine_version
from inception.probe.helper_container import helper_container

LABEL_BUILD = "inception.build"
"""Label of a build's intermediate images; the final stage starts from scratch, so the image lacks it."""
_CLEAN_UP_S = 15.0
"""Seconds for an engine to end a build whose client has gone; its images cannot be removed before."""
_KEPT_LINES = 50
_STEP = re.compile(r"Step \d+/\d+ : (?P<instruction>.*)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BUILDER_LINE = re.compile(r" ---> |Removing intermediate container ")


def build_by_dockerfile(
    client: docker.APIClient,
    recipe_directory: Path,
    *,
    tag: str,
    base: str,
    labels: dict[str, str],
    on_message: Callable[[str], None],
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
            follow(output, on_message)
            _label_engine(client, tag)
    finally:
        _remove_stages(client, build, base)


def _label_engine(client: docker.APIClient, tag: str) -> None:
    """Give the image `tag` the label of its engine's version, which nothing knew before it was built."""
    with helper_container(client, tag, ["dockerd", "--version"]) as asking:
        client.start(asking)
        client.wait(asking)
        version = parse_engine_version(client.logs(asking, stderr=False).decode())
    follow(
        client.build(
            fileobj=io.BytesIO(f"FROM {tag}\n".encode()),
            tag=tag,
            labels={LABEL_ENGINE: version},
            rm=True,
            forcerm=True,
            decode=True,
        ),
        ignore,
    )


def follow(output: Iterator[dict[str, Any]], on_message: Callable[[str], None]) -> None:
    """Pass the steps of an engine's build to `on_message` until its end. Raises ImageError if a step fails."""
    output_tail: deque[str] = deque(maxlen=_KEPT_LINES)
    part_of_line = ""
    for entry in output:
        if "error" in entry:
            raise ImageError(
                f"the Dockerfile's build failed: {failure_in(output_tail) or entry['error']}",
                remedy="check that the base is Debian with apt, and that containers can download Debian's packages",
            )
        # An entry is the output of one write: it can hold part of a line, or several.
        *lines, part_of_line = (part_of_line + _COLOUR.sub("", str(entry.get("stream", "")))).split("\n")
        for line in lines:
            if step := _STEP.match(line):
                on_message(f"docker build: {step['instruction'].split(' ')[0]}")
            elif line.strip() and not _BUILDER_LINE.match(line):
                output_tail.append(line.strip())


def failure_in(output_tail: Sequence[str]) -> str | None:
    """Return the reason in the lines of a failed step: apt's or `finish`'s first error, else the last line."""
    errors = (line[3:] for line in output_tail if line.startswith("E: "))
    return next(errors, output_tail[-1] if output_tail else None)


def _remove_stages(client: docker.APIClient, build: str, base: str) -> None:
    """Remove the images of the build's steps, which the engine keeps as a cache that no later build uses."""
    import tenacity  # Not at the top: it takes 8 ms, and next to no client builds an image.

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(docker.errors.APIError),
        stop=tenacity.stop_after_delay(_CLEAN_UP_S),
        wait=tenacity.wait_fixed(0.5),
        reraise=True,
    )
    with translated("removing the images of the build's steps"):
        retrying(_remove_labelled, client, build, base)


def _remove_labelled(client: docker.APIClient, build: str, base: str) -> None:
    labelled = client.images(all=True, filters={"label": f"{LABEL_BUILD}={build}"})
    # The step before the label has no label, and is the parent of the first that has one.
    ids = {image["Id"]: None for image in sorted(labelled, key=lambda image: image["Created"], reverse=True)}
    parents = {parent: None for image in labelled if (parent := image.get("ParentId"))}
    keep = client.inspect_image(base)["Id"]
    for image_id in ids | parents:
        if image_id != keep:
            client.remove_image(image_id, noprune=True)
