"""Build the stand-in images that a suite asks for, and the image that runs it, on any engine."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import docker

from tests.public.fetch import Fetched
from tests.public.suite import Suite

BASE = "inception-public:base"
TESTER = "inception-public:tester"
_RECIPES = Path(__file__).with_name("images")
_RECORDER = Path(__file__).with_name("recorder.py")


class BuildError(Exception):
    """An image could not be built."""


def build_images(client: docker.APIClient, suite: Suite, fetched: Fetched) -> None:
    """Build `TESTER`, which runs `suite`, and each image that the tests ask for. Raises BuildError."""
    _build(client, "base", BASE, {"root.tar": fetched.root})
    for tag, recipe in suite.images.items():
        _build(client, recipe, tag, {})
    with tempfile.NamedTemporaryFile("w") as left_out:
        json.dump(list(suite.left_out), left_out)
        left_out.flush()
        files = {"packages": fetched.packages, "suite": fetched.tests, _RECORDER.name: _RECORDER}
        _build(client, "tester", TESTER, {**files, "left-out.json": Path(left_out.name)})


def _build(client: docker.APIClient, recipe: str, tag: str, files: Mapping[str, Path]) -> None:
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as archive:
            archive.add(_RECIPES / recipe, ".", filter=_as_root)
            for name, path in files.items():
                archive.add(path, name, filter=_as_root)
        context.seek(0, io.SEEK_SET)
        answers = client.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True)
        for answer in answers:
            if "error" in answer:
                raise BuildError(f"{tag}: {answer['error']}")


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if Path(member.name).name == "__pycache__":
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode |= 0o044
    return member
