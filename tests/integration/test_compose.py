"""Build and run a web service and its database at level 4 by buildx and Compose, as the example does."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.integration.conftest import INCEPTION

# Debian's redis-server is another name of this program, in a package that starts no service.
_REDIS = shutil.which("redis-check-rdb")
_LIBRARY = re.compile(r"(/\S+) \(0x")
_EXAMPLE = Path(__file__).parents[2] / "examples" / "compose"
_OVERRIDE = "services: {database: {build: database, image: redis-of-this-machine}}\n"
_DATABASE = "FROM scratch\nADD root.tar /\nENV PATH=/usr/bin\n"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(_REDIS is None, reason="no Redis, which .ci/host-packages redis installs"),
    pytest.mark.usefixtures("level_image", "unchanged_host", "own_run_root"),
]


def test_the_web_and_database_example_runs_at_level_4(tmp_path: Path) -> None:
    example = tmp_path / "compose"
    shutil.copytree(_EXAMPLE, example)
    _add_database(example)
    done = subprocess.run(
        ["sh", example / "run.sh"],
        env={**os.environ, "PATH": f"{Path(INCEPTION).parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    builds, *visits = done.stdout.splitlines()
    assert builds == "builds with one cache: 2"
    first, second = (re.fullmatch(r"visit (\d) of ([0-9a-f]{12})", line) for line in visits)
    assert first is not None
    assert second is not None
    assert (first[1], second[1]) == ("1", "2")
    assert first[2] != second[2]


def _add_database(example: Path) -> None:
    """Let Compose build the database's image from this machine's programs, in place of pulling it."""
    (example / "compose.override.yaml").write_text(_OVERRIDE)
    place = example / "database"
    place.mkdir()
    (place / "Dockerfile").write_text(_DATABASE)
    programs = {"/usr/bin/redis-server": str(_REDIS), "/usr/bin/redis-cli": str(shutil.which("redis-cli"))}
    listing = subprocess.run(["ldd", *programs.values()], capture_output=True, text=True, check=True).stdout
    files = {**programs, **{path: path for path in _LIBRARY.findall(listing)}}
    with tarfile.open(place / "root.tar", "w", dereference=True) as archive:
        for name, path in files.items():
            archive.add(path, name.lstrip("/"))
        for name in ("data", "tmp"):
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(member, io.BytesIO())
