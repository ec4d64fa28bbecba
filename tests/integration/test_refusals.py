"""Bad input and full disks: one line that names it and the remedy, a status above 0, and nothing left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from inception.engine.connect import Engine
from inception.places import run_root
from tests.integration.conftest import RunInception
from tests.integration.tiny import import_tiny_image

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]


@pytest.mark.parametrize(
    ("arguments", "status", "names"),
    [
        (("--depth", "-1"), 2, "depth -1 is not between 0 and 1000"),
        (("--depth", "four"), 2, "'four'"),
        (("--depth", "100000"), 2, "depth 100000"),
        (("--depth", "1", "--engine", "tcp://127.0.0.1:1"), 125, "tcp://127.0.0.1:1"),
        (("--depth", "1", "--engine", "nowhere"), 2, "nowhere"),
        (("--depth", "1", "--name", "Not A Name"), 2, "'Not A Name' cannot name a chain"),
        (("--depth", "30", "--pool", "198.18.0.0/28"), 2, "198.18.0.0/28 is too small for 30 levels"),
        (("--depth", "1", "--pool", "everything"), 2, "'everything' is not an IPv4 network"),
        (("--depth", "1", "--image", "no-such-image:1"), 125, "no-such-image:1"),
        (("--depth", "33", "--pid", "isolated"), 2, "depth 33 needs more PID namespaces"),
        (("--depth", "1", "--json-events", "/no/such/directory/events"), 2, "/no/such/directory/events"),
    ],
)
def test_invalid_request_is_refused_in_one_line(
    run_inception: RunInception, arguments: tuple[str, ...], status: int, names: str
) -> None:
    done = run_inception("--quiet", *arguments, "--", "true")
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == status
    assert line.startswith("inception: error: ")
    assert names in line
    assert line.count(": ") >= 2, "what failed, and what to do"
    assert done.stdout == b""


def test_taken_name_is_refused(run_inception: RunInception) -> None:
    taken = run_root() / "taken"
    taken.mkdir(parents=True)
    try:
        done = run_inception("--depth", "1", "--quiet", "--name", "taken", "--", "true")
        assert taken.exists()
    finally:
        taken.rmdir()
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 125
    assert "a chain named taken already exists" in line


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with no room for an image."""
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)), check=True)
    yield tmp_path
    subprocess.run(("umount", str(tmp_path)), check=True)


def test_seed_on_a_full_disk_fails_in_one_line(run_inception: RunInception, engine: Engine, full_disk: Path) -> None:
    image = import_tiny_image(engine.client)
    try:
        done = run_inception(
            "--depth", "1", "--quiet", "--image", image, "--", "true", environment={"TMPDIR": str(full_disk)}
        )
    finally:
        engine.client.remove_image(image)
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 125
    assert "No space left on device" in line


def test_json_events_on_a_full_device_fail_in_one_line(run_inception: RunInception) -> None:
    done = run_inception("--quiet", "--depth", "2", "--json-events", "/dev/full", "--", "true")
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 125
    assert "cannot write events to /dev/full: No space left on device" in line
