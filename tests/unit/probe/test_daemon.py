"""The engine's process: found on a made-up /proc, beside a socket on which this process listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inception.probe import daemon

DATA_ROOT = "/var/lib/docker"
INFO = {
    "KernelVersion": os.uname().release,
    "Name": socket.gethostname(),
    "ServerVersion": "28.5.2",
    "DockerRootDir": DATA_ROOT,
    "ID": "engine-of-7",
}
LISTENER = os.getpid()


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A made-up /proc; each process is in this one's UTS namespace."""

    directory: Path

    @property
    def endpoint(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    def run(self, pid: int, program: str, engine_id: str | None = None) -> None:
        process = self.directory / str(pid)
        (process / "ns").mkdir(parents=True)
        (process / "comm").write_text(f"{program}\n")
        (process / "ns" / "uts").symlink_to("/proc/self/ns/uts")
        data_root = process / "root" / DATA_ROOT.lstrip("/")
        data_root.mkdir(parents=True)
        if engine_id is not None:
            (data_root / "engine-id").write_text(engine_id)

    def find(self, **changes: object) -> int | None:
        info: Mapping[str, Any] = {**INFO, **changes}
        return daemon.find_daemon(self.endpoint, info)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr(daemon, "_PROC", tmp_path)
    monkeypatch.setattr(daemon, "_PID_FILES", (tmp_path / "absent.pid", tmp_path / "docker.pid"))
    (tmp_path / "self").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        listener.listen()
        yield Machine(directory=tmp_path)


def test_an_engine_over_tcp_has_no_process_here() -> None:
    assert daemon.find_daemon("tcp://192.0.2.1:2376", INFO) is None


@pytest.mark.parametrize("program", ["dockerd", "podman"])
def test_an_engine_that_listens_itself_needs_no_proof(machine: Machine, program: str) -> None:
    machine.run(LISTENER, program)
    machine.run(7, "dockerd", "engine-of-7")
    assert machine.find(Name="another") == LISTENER


def test_the_engine_behind_a_socket_of_systemd_is_found(machine: Machine) -> None:
    machine.run(LISTENER, "systemd")
    assert machine.find() is None
    machine.run(7, "dockerd", "engine-of-7")
    assert machine.find() == 7


@pytest.mark.parametrize(
    "elsewhere",
    [{"KernelVersion": "6.8.0-colima"}, {"Name": "docker-desktop"}, {"ID": "engine-of-a-machine-of-the-same-name"}],
    ids=lambda elsewhere: next(iter(elsewhere)),
)
def test_an_engine_elsewhere_is_not_taken_for_the_one_here(machine: Machine, elsewhere: dict[str, str]) -> None:
    machine.run(LISTENER, "ssh")
    machine.run(7, "dockerd", "engine-of-7")
    assert machine.find(**elsewhere) is None
    (machine.directory / "docker.pid").write_text("7")
    assert machine.find(**elsewhere) is None


def test_the_id_decides_among_several_engines(machine: Machine) -> None:
    machine.run(LISTENER, "systemd")
    machine.run(7, "dockerd", "engine-of-7")
    machine.run(8, "dockerd", "engine-of-8")
    (machine.directory / "docker.pid").write_text("7")
    assert (machine.find(), machine.find(ID="engine-of-8")) == (7, 8)


def test_an_engine_since_23_without_an_id_is_another_one(machine: Machine) -> None:
    machine.run(LISTENER, "ssh")
    machine.run(7, "dockerd")
    assert machine.find(ServerVersion="23.0.0") is None


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "4.3.1", ""])
def test_an_engine_that_keeps_no_id_is_found_by_kernel_and_name(machine: Machine, version: str) -> None:
    machine.run(LISTENER, "systemd")
    machine.run(7, "dockerd")
    assert machine.find(ServerVersion=version) == 7
    assert machine.find(ServerVersion=version, Name="another") is None


@pytest.mark.parametrize(("pid_file", "found"), [("8", 8), ("9", None), ("", None)])
def test_the_pid_file_decides_among_engines_that_look_the_same(
    machine: Machine, pid_file: str, found: int | None
) -> None:
    machine.run(LISTENER, "systemd")
    machine.run(7, "dockerd")
    machine.run(8, "dockerd")
    (machine.directory / "docker.pid").write_text(pid_file)
    assert machine.find(ServerVersion="20.10.24") == found


def test_an_id_that_this_user_may_not_read_is_left_out(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> str:
        raise PermissionError

    machine.run(LISTENER, "systemd")
    machine.run(7, "dockerd", "unreadable")
    comm = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: refuse(path) if path.name == "engine-id" else comm(path))
    assert machine.find() == 7
    assert machine.find(Name="another") is None


@pytest.mark.parametrize("user", [0, 1000])
def test_root_without_the_right_to_look_does_not_see_the_engine_s_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    def refuse(*_paths: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "samefile", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert daemon.sees_directory(7, tmp_path) == (user != 0)


def test_an_engine_that_has_ended_is_not_found(machine: Machine) -> None:
    machine.run(LISTENER, "systemd")
    machine.run(7, "dockerd", "engine-of-7")
    (machine.directory / "7" / "ns" / "uts").unlink()
    assert machine.find() is None


def test_sees_directory_compares_the_directories_of_two_processes(tmp_path: Path) -> None:
    assert daemon.sees_directory(os.getpid(), tmp_path)
    assert daemon.sees_directory(os.getpid(), tmp_path / "absent" / "deeper")
    gone = 4_194_305  # above the greatest pid_max
    assert not daemon.sees_directory(gone, tmp_path)
