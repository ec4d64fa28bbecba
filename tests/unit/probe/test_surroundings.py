"""Test how a client recognises its own container: with made-up descriptions, and a real directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from inception.linux.mounts import parse_mountinfo
from inception.plan.run_root import RunRootSource
from inception.probe import surroundings
from inception.probe.surroundings import (
    Surroundings,
    container_ends_with_us,
    covering,
    find_surroundings,
    parse_container_ids,
    source_of,
)

OWN, OTHER = "a" * 64, "b" * 64
BIND = {"Type": "bind", "Source": "/srv/ci", "Destination": "/work"}
VOLUME = {"Type": "volume", "Name": "ci", "Source": "/var/lib/docker/volumes/ci/_data", "Destination": "/work"}


def mount_line(root: str, target: str) -> str:
    return f"100 99 254:0 {root} {target} rw,relatime - ext4 /dev/vda rw\n"


def container(*mounts: Mapping[str, str], asked: tuple[Mapping[str, Any], ...] = ()) -> dict[str, Any]:
    return {"Id": OWN, "Mounts": list(mounts), "HostConfig": {"Mounts": list(asked)}}


class FakeEngine:
    """An engine that has `containers` by id, and sees the file at `path` in one if `sees` says so."""

    def __init__(self, containers: Mapping[str, Mapping[str, Any]], *, sees: bool = True) -> None:
        self._containers = containers
        self._sees = sees
        self.asked: list[tuple[str, str]] = []

    def inspect_container(self, name: str) -> Mapping[str, Any]:
        if name not in self._containers:
            raise docker.errors.NotFound("no such container")
        return self._containers[name]

    def get_archive(self, name: str, path: str) -> tuple[list[bytes], dict[str, Any]]:
        self.asked.append((name, path))
        if not (self._sees and Path(path).exists()):
            raise docker.errors.NotFound("no such file")
        return [b"tar"], {}


def test_ids_are_those_of_control_groups_and_of_the_files_that_an_engine_binds() -> None:
    mountinfo = (
        mount_line(f"/docker/containers/{OWN}/hostname", "/etc/hostname")
        + mount_line(f"/docker/containers/{OWN}/hosts", "/etc/hosts")
        # On the host of an engine: a container's own mounts, which are at other places.
        + mount_line("/", f"/var/lib/docker/containers/{'c' * 64}/mounts/shm")
        + mount_line(f"/docker/containers/{'d' * 64}/data", "/data")
    )
    assert parse_container_ids(mountinfo, "0::/\n") == (OWN,)
    assert parse_container_ids(mountinfo, f"4:memory:/docker/{OTHER}\n1:cpu:/docker/{OTHER}\n") == (OTHER, OWN)
    assert parse_container_ids("", "0::/system.slice/docker.service\n") == ()


def test_the_last_of_the_deepest_mounts_covers_a_path() -> None:
    mounts = parse_mountinfo(
        mount_line("/", "/") + mount_line("/one", "/work") + mount_line("/two", "/work") + mount_line("/", "/workshop")
    )
    assert str(covering(mounts, Path("/work/run")).root) == "/two"
    assert str(covering(mounts, Path("/workshop")).target) == "/workshop"
    assert str(covering(mounts, Path("/workbench")).target) == "/"


@pytest.mark.parametrize(
    ("mount", "path", "source"),
    [
        (BIND, "/work", RunRootSource(path="/srv/ci")),
        (BIND, "/work/run/here", RunRootSource(path="/srv/ci/run/here")),
        (VOLUME, "/work", RunRootSource(path="ci", volume=True)),
        (VOLUME, "/work/run", RunRootSource(path="/var/lib/docker/volumes/ci/_data/run")),
        ({**BIND, "Type": "tmpfs"}, "/work", None),
        ({**BIND, "Destination": "/elsewhere"}, "/work", None),
    ],
)
def test_a_run_root_on_a_mount_has_a_source(mount: Mapping[str, str], path: str, source: RunRootSource | None) -> None:
    assert source_of(container(mount), Path("/work"), Path(path)) == source


def test_a_part_of_a_volume_is_no_volume() -> None:
    asked = {"Type": "volume", "Target": "/work", "VolumeOptions": {"Subpath": "part"}}
    expected = RunRootSource(path="/var/lib/docker/volumes/ci/_data/part/run")
    assert source_of(container(VOLUME, asked=(asked,)), Path("/work"), Path("/work/run")) == expected
    plain = {"Type": "bind", "Target": "/work"}
    assert source_of(container(BIND, asked=(plain,)), Path("/work"), Path("/work")) == RunRootSource(path="/srv/ci")


@pytest.fixture
def in_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have /proc say that this process is in the container OWN, with a mount at `tmp_path`, which is returned."""
    mountinfo, cgroups = tmp_path / "mountinfo", tmp_path / "cgroup"
    own = mount_line(f"/docker/containers/{OWN}/hosts", "/etc/hosts")
    mountinfo.write_text(mount_line("/", "/") + mount_line("/srv/ci", str(tmp_path)) + own)
    cgroups.write_text("0::/\n")
    monkeypatch.setattr(surroundings, "_MOUNTINFO", mountinfo)
    monkeypatch.setattr(surroundings, "_CGROUPS", cgroups)
    return tmp_path


def _found(engine: FakeEngine, run_root: Path) -> Surroundings:
    client = cast("docker.APIClient", engine)
    return find_surroundings(client, endpoint="unix:///nowhere.sock", info={}, run_root=run_root)


def test_a_shared_run_root_is_proved_by_a_file_that_is_removed_again(in_container: Path) -> None:
    engine = FakeEngine({OWN: container({**BIND, "Destination": str(in_container)})})
    before = sorted(in_container.iterdir())
    shared = _found(engine, in_container / "run")
    expected = RunRootSource(path="/srv/ci/run")
    assert shared == Surroundings(shares_run_root=True, run_root_source=expected, in_container=True)
    ((name, path),) = engine.asked
    assert (name, Path(path).parent) == (OWN, in_container)
    assert sorted(in_container.iterdir()) == before


def test_a_mount_at_the_same_path_needs_no_source(in_container: Path) -> None:
    mount = {**BIND, "Source": str(in_container), "Destination": str(in_container)}
    assert _found(FakeEngine({OWN: container(mount)}), in_container) == Surroundings(
        shares_run_root=True, in_container=True
    )


@pytest.mark.parametrize("mount", [{**BIND, "Destination": "/elsewhere"}, None])
def test_a_run_root_that_the_engine_does_not_see_is_not_shared(
    in_container: Path, mount: Mapping[str, str] | None
) -> None:
    unseen = FakeEngine({OWN: container(mount or {**BIND, "Destination": str(in_container)})}, sees=mount is not None)
    assert _found(unseen, in_container) == Surroundings(in_container=True)


def test_a_container_of_another_engine_is_none(in_container: Path) -> None:
    with pytest.raises(FileNotFoundError):  # It goes on as on a host, where nothing listens at that address.
        _found(FakeEngine({OTHER: container()}), in_container)


@pytest.mark.parametrize(("own", "parent", "ends"), [(1, 0, True), (7, 1, True), (7, 6, False)])
@pytest.mark.usefixtures("in_container")
def test_a_container_ends_with_its_main_program(
    monkeypatch: pytest.MonkeyPatch, own: int, parent: int, *, ends: bool
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: own)
    monkeypatch.setattr(os, "getppid", lambda: parent)
    assert container_ends_with_us(cast("docker.APIClient", FakeEngine({OWN: container()}))) == ends
    assert not container_ends_with_us(cast("docker.APIClient", FakeEngine({})))
