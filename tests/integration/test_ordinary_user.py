"""Run chains as an ordinary user who may use the engine's socket, as a member of the group docker."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import INCEPTION, RunInception
from tests.integration.ordinary_user import GID, SOCKET_DIRECTORY, UID

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user: run the tests as root"),
    pytest.mark.usefixtures("level_image", "unchanged_host"),
]
SHARED_PLACE = Path(f"/tmp/inception-{UID}")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def as_user(engine: Engine) -> Iterator[RunInception]:
    """Runs the program as a user without a home and a login session, who may use the engine's socket."""
    socket = Path(engine.endpoint.removeprefix("unix://"))
    before = socket.stat()
    os.chown(socket, before.st_uid, GID)
    socket.chmod(before.st_mode | stat.S_IRGRP | stat.S_IWGRP)
    program = ["unshare", "--mount", sys.executable, "-m", "tests.integration.ordinary_user", "--socket", str(socket)]
    environment = {"DOCKER_HOST": f"unix://{SOCKET_DIRECTORY}/docker.sock", "PATH": os.environ["PATH"]}

    def run(
        *arguments: str, stdin: bytes | None = None, environment: dict[str, str] = environment, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*program, "--", INCEPTION, *arguments],
            input=stdin or b"",
            capture_output=True,
            cwd=ROOT,
            env=environment,
            timeout=timeout_s,
            check=False,
        )

    yield run  # type: ignore[misc]
    run("kick", "--all")
    os.chown(socket, before.st_uid, before.st_gid)
    socket.chmod(stat.S_IMODE(before.st_mode))
    shutil.rmtree(SHARED_PLACE, ignore_errors=True)


def check(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()


def test_ordinary_user_can_start_inspect_resize_and_end_a_chain(as_user: RunInception) -> None:
    check(as_user("up", "--depth", "2", "--name", "users"))
    (chain,) = json.loads(check(as_user("ls", "--json")))
    assert (chain["name"], chain["condition"], chain["run_directory"]) == ("users", "running", f"{SHARED_PLACE}/users")
    assert check(as_user("exec", "--", "id", "-u")) == "0\n"
    assert "docker.sock" in check(as_user("env"))
    tree = json.loads(check(as_user("tree", "--json")))
    assert [level["presence"] for level in tree["levels"]] == ["ready", "ready"]
    assert all(level["engine_version"] for level in tree["levels"])
    assert "2 containerd: " in check(as_user("logs", "--level", "2"))
    check(as_user("grow"))
    assert check(as_user("exec", "--", "hostname")) == "users-3\n"
    with tempfile.TemporaryDirectory(prefix="users-") as directory:
        os.chown(directory, UID, GID)
        check(as_user("cp", "users:/etc/hostname", f"{directory}/name"))
        assert Path(directory, "name").read_text() == "users-3\n"
        check(as_user("cp", f"{directory}/name", "users:/srv/"))
    assert check(as_user("exec", "--", "cat", "/srv/name")) == "users-3\n"
    check(as_user("shrink"))
    check(as_user("down"))
    assert not list(SHARED_PLACE.glob("[!.]*"))


def test_user_can_run_one_command_kick_a_chain_and_prune(as_user: RunInception) -> None:
    assert check(as_user("--quiet", "--depth", "2", "--", "cat", stdin=b"through")) == "through"
    check(as_user("up", "--depth", "2", "--name", "users"))
    check(as_user("kick"))
    assert not list(SHARED_PLACE.glob("[!.]*"))
    assert check(as_user("prune", "--yes")) == ""
    assert json.loads(check(as_user("plan", "--depth", "3", "--json")))["owner_uid"] == UID
    assert as_user("doctor").returncode in {0, 1}


def test_other_users_cannot_reach_a_chain(as_user: RunInception) -> None:
    check(as_user("up", "--depth", "1", "--name", "users"))
    assert stat.S_IMODE(SHARED_PLACE.stat().st_mode) == 0o700
    for path in SHARED_PLACE.rglob("*"):
        assert path.stat().st_uid == UID or path.suffix == ".pyc", path
    check(as_user("down"))


def test_run_root_made_by_another_user_is_refused(as_user: RunInception) -> None:
    SHARED_PLACE.mkdir(mode=0o777)
    for command in (("ls",), ("up", "--depth", "1")):
        done = as_user(*command)
        assert done.returncode == 125
        assert b"is not a directory that only this user can enter" in done.stderr
        assert done.stderr.count(b"\n") <= 2


def test_unreadable_file_of_one_chain_does_not_hide_the_others(as_user: RunInception) -> None:
    for name in ("broken", "whole"):
        check(as_user("up", "--depth", "1", "--name", name))
    alive = SHARED_PLACE / "broken" / "1" / "alive"
    os.chown(alive, 0, 0)
    chains = {chain["name"]: chain for chain in json.loads(check(as_user("ls", "--json")))}
    assert chains["whole"]["condition"] == "running"
    assert chains["broken"]["condition"] == "broken"
    assert "cannot be read: Permission denied" in chains["broken"]["broken"]["reason"]
    os.chown(alive, UID, GID)
    check(as_user("down", "--all"))


def test_user_can_run_a_campaign_which_names_what_it_cannot_read(as_user: RunInception) -> None:
    done = as_user("stress", "--max-depth", "1", "--no-measure", "--fail-on-leak")
    assert check(done).startswith("depth 1 reached")
    assert done.stderr.count(b"not looked at for leaks: process: ") == 1
