"""Run a command with another Docker in the levels: `make test-inner SUITE=forky`.

For that time the tag of the default level image names the image of another Debian suite.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import docker

from inception.cli.output import say
from inception.engine.connect import EngineChoice, connect
from inception.image.recipe import default_tag
from inception.image.store import find_image
from tests.integration.conftest import INCEPTION

_APT_OPTION = 'Acquire::Check-Valid-Until "false"'
"""A mirror may be older than the date until which its list of packages is valid."""


def main() -> int:
    """Return the status of the command."""
    parser = argparse.ArgumentParser(prog="tests.inner", description=__doc__)
    parser.add_argument("--suite", default="forky", help="Debian suite whose docker.io is in the levels")
    parser.add_argument("command", nargs="+", help="what to run")
    arguments = parser.parse_args()
    with connect(EngineChoice.AUTO, on_message=say) as engine:
        build = (INCEPTION, "image", "build", "--suite", arguments.suite, "--apt-option", _APT_OPTION)
        tag = subprocess.run(build, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        with _default_image(engine.client, tag):
            return subprocess.run(arguments.command, check=False).returncode


@contextmanager
def _default_image(client: docker.APIClient, image: str) -> Iterator[None]:
    """Give `image` the default tag, and give it back to the image that had it."""
    repository, _, name = default_tag().partition(":")
    before = find_image(client, default_tag())
    client.tag(image, repository, name)
    try:
        yield
    finally:
        if before is None:
            client.remove_image(default_tag())
        else:
            client.tag(before, repository, name)


if __name__ == "__main__":
    sys.exit(main())
