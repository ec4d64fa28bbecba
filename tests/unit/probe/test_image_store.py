"""The place of the images: this process plays a containerd, which holds its databases open on another file system."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inception.probe import image_store, pids
from inception.probe.host import NotAllowed, Subject, read_host
from inception.probe.image_store import find_image_directory, parse_containerd, read_image_space
from inception.probe.machine import read_free_space

ENGINE = Path("/proc/self")
SHARED_MEMORY = Path("/dev/shm")
STATUS = [["driver-type", "io.containerd.snapshotter.v1"]]


@pytest.fixture
def socket_path(tmp_path: Path) -> Iterator[str]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "containerd.sock"))
        listener.listen()
        yield str(tmp_path / "containerd.sock")


def opened(stack: ExitStack, directory: Path, name: str) -> None:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    stack.enter_context(file.open("w"))


def test_containerd_is_where_the_engine_says() -> None:
    assert parse_containerd({"DriverStatus": STATUS, "Containerd": {"Address": "/run/c.sock"}}) == "/run/c.sock"
    assert parse_containerd({"DriverStatus": STATUS}) == "/run/containerd/containerd.sock"
    assert (
        parse_containerd({"DriverStatus": [["Backing Filesystem", "extfs"]], "Containerd": {"Address": "/x"}}) is None
    )
    assert parse_containerd({"DriverStatus": None}) is None


def test_space_is_that_of_the_snapshotter(socket_path: str, tmp_path: Path) -> None:
    if SHARED_MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system")
    with ExitStack() as stack:
        elsewhere = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=SHARED_MEMORY)))
        opened(stack, tmp_path, "io.containerd.metadata.v1.bolt/meta.db")
        assert read_image_space(ENGINE, socket_path, str(tmp_path)) is None
        opened(stack, elsewhere, "io.containerd.snapshotter.v1.overlayfs/metadata.db")
        space = read_image_space(ENGINE, socket_path, str(tmp_path))
        assert space is not None
        assert space.inodes == read_free_space(SHARED_MEMORY).inodes
        assert abs(space.bytes - read_free_space(SHARED_MEMORY).bytes) < 10 << 20


def test_space_is_not_known_without_a_containerd(socket_path: str, tmp_path: Path) -> None:
    assert read_image_space(ENGINE, socket_path, str(tmp_path)) is None
    assert read_image_space(ENGINE, str(tmp_path / "absent.sock"), str(tmp_path)) is None


def test_directory_is_that_of_the_snapshotter(
    socket_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = {"DriverStatus": STATUS, "Containerd": {"Address": socket_path}}
    monkeypatch.setattr(image_store, "find_daemon", lambda *_: os.getpid())
    with ExitStack() as stack:
        assert find_image_directory("unix:///run/docker.sock", info) is None
        opened(stack, tmp_path, "io.containerd.snapshotter.v1.overlayfs/metadata.db")
        found = find_image_directory("unix:///run/docker.sock", info)
        assert found == tmp_path / "io.containerd.snapshotter.v1.overlayfs"
        assert find_image_directory("unix:///run/docker.sock", {"DriverStatus": []}) is None
        monkeypatch.setattr(image_store, "find_daemon", lambda *_: None)
        assert find_image_directory("tcp://192.0.2.1:2375", info) is None


def test_a_driver_of_containerd_does_not_tell_what_the_data_root_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    # As an ordinary user, who may not try: a container of the engine does it then.
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(pids, "nested", lambda _trial: 9)
    subject = Subject(
        daemon=os.getpid(), data_root="/", storage_driver="overlayfs", owner_uid=1000, owner_gid=1000, containerd="/x"
    )
    with pytest.raises(NotAllowed, match="overlay"):
        read_host(subject)
