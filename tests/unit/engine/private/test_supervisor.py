"""When the supervisor stops its engine, and what it tells."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from inception.engine.private import supervisor
from inception.engine.private.daemons import PrivateDaemon
from inception.engine.private.running_levels import count_running_levels, remove_ended_levels
from inception.engine.private.start_report import StartReport
from inception.engine.private.supervisor import StopRequest, wait_until_unneeded
from inception.linux.flock import Mode, held, is_free, opened, try_take


class FakeClient(docker.APIClient):
    """An engine whose levels are in the given states, one list for each time it is asked."""

    def __init__(self, *states: list[str]) -> None:
        self._states = list(states)
        self.removed: list[str] = []

    def containers(self, **_arguments: object) -> list[dict[str, str]]:  # type: ignore[override]
        states = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return [{"Id": f"{number}-{state}", "State": state} for number, state in enumerate(states)]

    def remove_container(self, container: str, **_arguments: object) -> None:  # type: ignore[override]
        self.removed.append(container)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_POLL_S", 0.01)
    monkeypatch.setattr(supervisor, "_POLL_LEVELS_S", 0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.lock"


@pytest.fixture
def users(path: Path) -> Iterator[int]:
    with opened(path) as descriptor:
        yield descriptor


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[PrivateDaemon]:
    log = tmp_path / "dockerd.log"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield PrivateDaemon(name="dockerd", process=process, log=log)
        process.kill()


def test_the_supervisor_stops_an_unused_engine(users: int, path: Path, daemon: PrivateDaemon) -> None:
    why = wait_until_unneeded(FakeClient([]), users, (daemon,), StopRequest())
    assert why == "no client or level uses it"
    assert not is_free(path)


def test_the_supervisor_keeps_an_engine_with_running_levels(users: int, daemon: PrivateDaemon) -> None:
    client = FakeClient(["running"], ["removing"], ["paused", "exited"], ["exited"])
    assert wait_until_unneeded(client, users, (daemon,), StopRequest()) == "no client or level uses it"
    assert client._states == [["exited"]]


def test_the_supervisor_does_not_count_levels_while_there_is_a_client(
    users: int, path: Path, daemon: PrivateDaemon
) -> None:
    request = StopRequest()
    with held(path, Mode.SHARED, limit_s=1):
        client = FakeClient(["asked too early"])
        request.made = True
        assert wait_until_unneeded(client, users, (daemon,), request) == "stop requested"
        assert not try_take(users, Mode.EXCLUSIVE)


def test_a_client_can_join_while_only_levels_use_the_engine(users: int, path: Path, daemon: PrivateDaemon) -> None:
    request = StopRequest()

    class OneLevel(FakeClient):
        def containers(self, **_arguments: object) -> list[dict[str, str]]:  # type: ignore[override]
            request.made = True
            return [{"Id": "level", "State": "running"}]

    assert wait_until_unneeded(OneLevel([]), users, (daemon,), request) == "stop requested"
    with held(path, Mode.SHARED, limit_s=1):
        pass


def test_the_supervisor_stops_when_a_daemon_has_ended(users: int, path: Path, daemon: PrivateDaemon) -> None:
    daemon.log.write_text('level=fatal msg="disk is gone"\n')
    daemon.process.kill()
    daemon.process.wait()
    with held(path, Mode.SHARED, limit_s=1):
        why = wait_until_unneeded(FakeClient(["running"]), users, (daemon,), StopRequest())
    assert why == "dockerd ended: disk is gone"


def test_levels_that_ended_are_removed() -> None:
    client = FakeClient(["running", "created", "exited", "dead"])
    assert count_running_levels(client) == 1
    remove_ended_levels(client)
    assert client.removed == ["1-created", "2-exited", "3-dead"]


def test_a_start_report_survives_json() -> None:
    for report in (StartReport(), StartReport(failure="no\nspace", remedy="free some")):
        line = report.to_line()
        assert line.count("\n") == 1
        assert StartReport.from_line(line) == report


@pytest.mark.parametrize("line", ["", "{", "{}x", '{"other": 1}', "[]"])
def test_a_wrong_start_report_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON's or ours, with whatever text
        StartReport.from_line(line)


def test_locks_die_with_their_holder(path: Path) -> None:
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert not is_free(path)
        with pytest.raises(BlockingIOError), held(path, Mode.SHARED, limit_s=0.05):
            pass
        holder.kill()
    with held(path, Mode.EXCLUSIVE, limit_s=1):
        assert not is_free(path)
    assert is_free(path)
    assert is_free(path.with_name("nowhere"))


def test_locks_are_not_inherited(path: Path) -> None:
    with held(path, Mode.EXCLUSIVE, limit_s=1) as descriptor:
        assert not os.get_inheritable(descriptor)
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
