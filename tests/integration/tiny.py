"""Make a tiny image from this machine's own programs, for tests of an engine that need no level image."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import docker

TINY_IMAGE = "inception-test:tiny"
PROGRAMS = (Path("/bin/bash"), Path("/bin/cat"), Path("/bin/sleep"))
_LIBRARY = re.compile(r"(/\S+) \(0x")


def import_tiny_image(client: docker.APIClient) -> str:
    """Import `TINY_IMAGE` (bash, cat and sleep) into an engine and return its id."""
    answer = client.import_image_from_data(_root(), repository=TINY_IMAGE.partition(":")[0], tag="tiny")
    image: str = json.loads(answer.splitlines()[-1])["status"]
    return image


def _root() -> bytes:
    """Return a tar archive of the programs and their shared libraries."""
    listing = subprocess.run(["ldd", *PROGRAMS], capture_output=True, text=True, check=True).stdout
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for path in sorted({*PROGRAMS, *map(Path, _LIBRARY.findall(listing))}):
            archive.add(path, str(path).lstrip("/"))
    return buffer.getvalue()
