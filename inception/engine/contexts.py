"""Contexts of the Docker CLI, one a level: found in the CLI's files, created and removed by the CLI itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

from inception.engine.endpoint import docker_configuration
from inception.errors import InceptionError


def context_name(chain: str, level: int) -> str:
    """Return the name of a level's context."""
    return f"inception-{chain}-{level}"


def contexts_of(chain: str) -> list[str]:
    """Return the names of the CLI's contexts of a chain's levels, sorted; the chain itself may be gone."""
    ours = re.compile(re.escape(context_name(chain, 0)[:-1]) + r"\d+")
    names = []
    for file in (docker_configuration(os.environ) / "contexts" / "meta").glob("*/meta.json"):
        try:
            name = json.loads(file.read_text())["Name"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(name, str) and ours.fullmatch(name):
            names.append(name)
    return sorted(names)


def make_context(name: str, address: str, description: str) -> None:
    """Create a context, in place of any of that name. Raises InceptionError."""
    remove_contexts([name])
    _docker("create", name, f"--description={description}", f"--docker=host={address}")


def remove_contexts(names: list[str]) -> None:
    """Remove those of the contexts that exist. Raises InceptionError."""
    if names:
        _docker("rm", "--force", *names)


def _docker(*arguments: str) -> None:
    if shutil.which("docker") is None:
        raise InceptionError("contexts need the Docker CLI, which is not installed", remedy="install docker-cli")
    done = subprocess.run(("docker", "context", *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InceptionError(f"docker context {arguments[0]}: {' '.join(done.stderr.split())}")
