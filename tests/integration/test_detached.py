"""Make detached chains, inspect, use, resize and end them through the commands."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pexpect
import pytest

from inception.engine.connect import Engine
from inception.level.engine.log_rotation import LOG_LIMIT
from inception.places import run_root
from inception.plan.chain import LABEL_CHAIN
from inception.plan.paths import LOGGED_PROGRAMS, previous_log
from tests.integration.conftest import INCEPTION, RunInception, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host", "own_run_root")]

_NOBODY = 65534
CONTAINERS = 120


def _check(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_detached_chain_of_six_serves_every_command(run_inception: RunInception, tmp_path: Path) -> None:
    assert _check(run_inception("up", "--depth", "6", "--name", "long")) == "long\n"
    _check_listing(run_inception)
    for level in range(1, 7):
        _check_level(run_inception, level)
    _check_archives(run_inception, _check_copies(run_inception, tmp_path))
    _check(run_inception("grow", "long", "+2"))
    assert _check(run_inception("exec", "--", "hostname")) == "long-8\n"
    _check(run_inception("shrink", "long", "5"))
    assert _check(run_inception("exec", "--", "sh", "-c", "hostname; docker ps --all --quiet")) == "long-3\n"
    _check(run_inception("down", "long"))
    assert not list(run_root().iterdir())


def _check_listing(run_inception: RunInception) -> None:
    (chain,) = json.loads(_check(run_inception("ls", "--json")))
    assert (chain["name"], chain["depth"], chain["condition"]) == ("long", 6, "running")
    assert re.search(r"^long +6 +no +\S+ \S+ 1-6 +running$", _check(run_inception("ls")), re.MULTILINE)
    tree = json.loads(_check(run_inception("tree", "--json")))
    assert [it["presence"] for it in tree["levels"]] == ["ready"] * 6
    assert all(it["engine_version"] and it["address"] and it["memory"] > 1 << 20 for it in tree["levels"])
    assert [it["containers"] for it in tree["levels"]] == [[]] * 6
    assert "└─ 6  ready" in _check(run_inception("tree", "long"))
    assert "6 containerd: " in _check(run_inception("logs", "--level", "6"))


def _check_level(run_inception: RunInception, level: int) -> None:
    output = _check(run_inception("exec", "--level", str(level), "--", "sh", "-c", "hostname; cat", stdin=b"in"))
    assert output == f"long-{level}\nin"
    settings = json.loads(_check(run_inception("env", "long", "--level", str(level), "--json")))
    name = subprocess.run(
        [shutil.which("docker") or "docker", "info", "--format", "{{.Name}}"],
        env={**os.environ, **{name: value for name, value in settings.items() if value}},
        capture_output=True,
        text=True,
        check=True,
    )
    assert name.stdout == f"long-{level}\n"


def _check_copies(run_inception: RunInception, tmp_path: Path) -> bytes:
    """Copy a directory into level 3 and back; return what its file holds there."""
    directory = tmp_path / "there"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep" / "file").write_bytes(sent := os.urandom(1 << 20))
    _check(run_inception("cp", str(directory), "long:/srv/", "--level", "3"))
    _check(run_inception("cp", ":/srv/there", str(tmp_path / "back"), "--level", "3"))
    assert (tmp_path / "back" / "deep" / "file").read_bytes() == sent
    return sent


def _check_archives(run_inception: RunInception, sent: bytes) -> None:
    """Stream that directory from level 3 to level 5 as a tar archive."""
    archive = run_inception("cp", ":/srv/there", "-", "--level", "3")
    assert archive.returncode == 0, archive.stderr
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as opened:
        member = opened.extractfile("there/deep/file")
        assert member is not None
        assert member.read() == sent
    _check(run_inception("cp", "-", "long:/mnt", "--level", "5", stdin=archive.stdout))
    stat = ("stat", "-c", "%s", "/mnt/there/deep/file")
    assert _check(run_inception("exec", "--level", "5", "--", *stat)) == f"{1 << 20}\n"
    for target, reason in (("/nowhere", b"is not a directory of that level"), ("/etc/passwd", b"is not a directory")):
        done = run_inception("cp", "-", f"long:{target}", stdin=archive.stdout)
        assert (done.returncode, done.stdout) == (2, b"")
        assert reason in done.stderr
    no_archive = run_inception("cp", "-", "long:/mnt", stdin=b"no archive" * 1000)
    assert no_archive.returncode == 125
    assert no_archive.stderr.count(b"\n") == 1


def test_tree_shows_the_containers_of_a_level(run_inception: RunInception, level_image: str) -> None:
    _check(run_inception("up", "--depth", "1", "--name", "busy"))
    _check(
        run_inception("exec", "--", "docker", "run", "--detach", "--name", "work", level_image, "tini", "sleep", "60")
    )
    assert "container work" in _check(run_inception("tree"))
    _check(run_inception("down"))


def test_watch_and_follow_show_changes_until_the_chain_ends(run_inception: RunInception, level_image: str) -> None:
    _check(run_inception("up", "--depth", "1", "--name", "seen"))
    watching = pexpect.spawn(INCEPTION, ["tree", "--watch"], dimensions=(30, 100), timeout=20, encoding="utf-8")
    follow = [INCEPTION, "logs", "--follow", "--program", "runner"]
    with subprocess.Popen(follow, stdout=subprocess.PIPE) as following:
        watching.expect_exact("seen: running")
        _check(run_inception("exec", "--", "sh", "-c", 'echo by hand >>"${INCEPTION_PLAN%/*}/1/runner.log"'))
        assert following.stdout is not None
        assert following.stdout.readline() == b"1 runner: by hand\n"
        _check(
            run_inception(
                "exec", "--", "docker", "run", "--detach", "--name", "work", level_image, "tini", "sleep", "60"
            )
        )
        watching.expect_exact("container work")
        _check(run_inception("down"))
        assert following.communicate(timeout=20)[0] == b""
        assert following.returncode == 0
    watching.expect(pexpect.EOF)
    watching.close()
    assert watching.exitstatus == 0


def test_logs_stay_within_their_limit(run_inception: RunInception, level_image: str, tmp_path: Path) -> None:
    _check(run_inception("up", "--depth", "2", "--name", "chatty"))
    logs = {program: run_root() / "chatty" / "2" / f"{program}.log" for program in LOGGED_PROGRAMS}
    follow = [INCEPTION, "logs", "chatty", "--follow", "--level", "2", "--program", "containerd"]
    with (tmp_path / "followed").open("wb") as output, subprocess.Popen(follow, stdout=output) as following:
        for log in logs.values():
            with log.open("a") as file:
                file.writelines(f"line {number} of many\n" for number in range(LOG_LIMIT // 16))
        wait_for(lambda: all(log.stat().st_size < LOG_LIMIT for log in logs.values()), 20, "a log was not rotated")
        run = f"for n in 1 2 3 4 5 6; do docker run --rm --network none {level_image} true || exit; done"
        _check(run_inception("exec", "--level", "2", "--", "sh", "-c", run))
        new = logs["containerd"].read_bytes()
        # It appends: there is no hole where the older lines were.
        assert 0 < len(new) < LOG_LIMIT
        assert b"\0" not in new
        flags = _check(run_inception("exec", "--", "sh", "-c", "grep flags /proc/$(cat /run/docker.pid)/fdinfo/2"))
        assert int(flags.split()[1], 8) & os.O_APPEND
        inspect = f"docker inspect --format '{{{{.HostConfig.LogConfig}}}}' $(docker create {level_image} true)"
        limits = _check(run_inception("exec", "--level", "2", "--", "sh", "-c", inspect))
        assert limits == "{json-file map[max-file:3 max-size:10m]}\n"
        assert all(previous_log(log).stat().st_size <= 2 * LOG_LIMIT for log in logs.values())
        (chain,) = json.loads(_check(run_inception("ls", "--json")))
        assert chain["condition"] == "running"
        _check(run_inception("down"))
        following.wait(timeout=20)
    followed = (tmp_path / "followed").read_bytes().splitlines()
    filled = [line for line in followed if line.endswith(b" of many")]
    assert filled == [b"2 containerd: line %d of many" % number for number in range(LOG_LIMIT // 16)]
    assert followed[-1] != filled[-1]


def test_many_short_containers_leave_the_run_directory_bounded(run_inception: RunInception, level_image: str) -> None:
    # What dockerd writes when debugging fills its log as a week of containers would.
    _check(run_inception("up", "--depth", "3", "--name", "busy", "--dockerd", "2:--debug"))
    logs = run_root() / "busy" / "2"
    kept = {program: (logs / f"{program}.log", previous_log(logs / f"{program}.log")) for program in LOGGED_PROGRAMS}
    run = f"for n in $(seq {CONTAINERS // 4}); do docker run --rm --network none {level_image} true || exit; done"
    started = f'clients=; for client in 1 2 3 4; do ({run}) & clients="$clients $!"; done'
    script = f"{started}; for it in $clients; do wait $it; done"
    turns, greatest, before = 0, 0, 0
    with subprocess.Popen([INCEPTION, "exec", "busy", "--level", "2", "--", "sh", "-euc", script]) as running:
        while running.poll() is None:
            sizes = {program: [_size(part) for part in parts] for program, parts in kept.items()}
            greatest = max(greatest, *map(sum, sizes.values()))
            turns += sizes["dockerd"][0] < before
            before = sizes["dockerd"][0]
            time.sleep(0.1)
    assert running.returncode == 0
    assert turns >= 3
    assert greatest <= 4 * LOG_LIMIT
    _check(
        run_inception("exec", "busy", "--level", "2", "--", "docker", "create", "--name", "newest", level_image, "true")
    )
    assert "name=newest" in "".join(part.read_text() for part in kept["dockerd"])
    _check(run_inception("down", "busy"))


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def test_prune_looks_into_the_private_engine_beside_another_one(
    engine: Engine, run_inception: RunInception, level_image: str
) -> None:
    if not engine.private:
        pytest.skip("a private engine beside the host's would have to get the level image first")
    _check(run_inception("up", "--depth", "2", "--name", "host"))
    left = engine.client.create_container(level_image, ["true"], name="inception-dead-1", labels={LABEL_CHAIN: "dead"})
    try:
        another = {"DOCKER_HOST": f"unix://{run_root()}/host/1/docker.sock"}
        done = run_inception("prune", "--dry-run", environment=another)
        assert _check(done) == "container inception-dead-1 of chain dead\n"
        here = run_inception("prune", "--dry-run", "--engine", "host", environment=another)
        assert _check(here) == ""
        _check(run_inception("prune", "--yes", environment=another))
        assert engine.client.containers(all=True, filters={"id": left["Id"]}) == []
    finally:
        _check(run_inception("prune", "--yes"))
        _check(run_inception("down"))


def test_four_concurrent_chains_do_not_collide(run_inception: RunInception) -> None:
    processes = [
        subprocess.Popen([INCEPTION, "up", "--depth", "2", "--quiet"], stdout=subprocess.PIPE) for _ in range(4)
    ]
    names = sorted(process.communicate(timeout=120)[0].decode().strip() for process in processes)
    assert len(set(names)) == 4
    chains = json.loads(_check(run_inception("ls", "--json")))
    assert [(it["name"], it["condition"]) for it in chains] == [(name, "running") for name in names]
    for name in names:
        ping = "import docker; print(docker.from_env().ping())"
        assert _check(run_inception("exec", name, "--", "python3", "-c", ping)) == "True\n"
    assert b"name one of them" in run_inception("exec", "--", "true").stderr
    _check(run_inception("down", "--all"))


def test_one_name_for_four_concurrent_chains_goes_to_one(run_inception: RunInception) -> None:
    command = [INCEPTION, "up", "--depth", "1", "--quiet", "--name", "wanted"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    errors = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 125, 125, 125]
    assert sum("wanted already exists" in error for error in errors) == 3
    _check(run_inception("down", "wanted"))


def test_chain_of_another_run_root_keeps_its_name(run_inception: RunInception, tmp_path: Path) -> None:
    elsewhere = {"INCEPTION_RUN_ROOT": str(tmp_path / "r")}
    _check(run_inception("up", "--depth", "1", "--name", "theirs", environment=elsewhere))
    try:
        for command in (("up", "--depth", "1"), ("--depth", "1", "--quiet")):
            done = run_inception(*command, "--name", "theirs")
            assert done.returncode == 125
            assert b"level 1 failed at create" in done.stderr
        assert _check(run_inception("exec", "--", "hostname", environment=elsewhere)) == "theirs-1\n"
        assert _check(run_inception("prune", "--yes")) == ""
        assert _check(run_inception("exec", "--", "hostname", environment=elsewhere)) == "theirs-1\n"
    finally:
        _check(run_inception("down", environment=elsewhere))


def test_chain_with_a_ttl_ends_by_itself(run_inception: RunInception) -> None:
    _check(run_inception("up", "--depth", "1", "--name", "brief", "--ttl", "6s"))
    deadline_s = time.monotonic() + 20
    while (run_root() / "brief").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def test_time_to_live_that_is_over_before_the_chain_is_ready_is_named(run_inception: RunInception) -> None:
    done = run_inception("up", "--depth", "4", "--name", "hasty", "--ttl", "1s")
    assert done.returncode == 125
    assert b"or its time to live of 1 s was over" in done.stderr


def test_chain_that_fails_to_start_leaves_nothing(run_inception: RunInception) -> None:
    done = run_inception("up", "--depth", "2", "--name", "hurried", "--patience", "0.0005")
    assert done.returncode == 125
    assert re.search(rb"level [12] failed at", done.stderr), done.stderr.decode()
    assert _check(run_inception("ls")) == "no chains\n"


def test_kick_removes_a_chain(run_inception: RunInception) -> None:
    _check(run_inception("up", "--depth", "3", "--name", "kicked"))
    _check(run_inception("kick", "kicked"))
    assert _check(run_inception("ls")) == "no chains\n"


def test_grow_that_fails_leaves_the_chain_as_it_was(run_inception: RunInception) -> None:
    _check(run_inception("up", "--depth", "1", "--name", "stuck"))
    # Level 1's engine refuses a second container of that name.
    _check(run_inception("exec", "--", "sh", "-c", 'docker create --name inception-stuck-2 "$INCEPTION_IMAGE"'))
    done = run_inception("grow", "stuck")
    assert done.returncode == 125
    assert b"level 2 failed at create" in done.stderr
    (chain,) = json.loads(_check(run_inception("ls", "--json")))
    assert (chain["depth"], chain["condition"]) == (1, "running")
    _check(run_inception("grow", "stuck"))
    _check(run_inception("down"))


def test_other_users_cannot_reach_a_chain(run_inception: RunInception) -> None:
    _check(run_inception("up", "--depth", "2", "--name", "own"))
    directory = run_root() / "own"
    reach = f"ls {directory} {directory}/plan.json {directory}/payload {directory}/1/docker.sock"
    denied = subprocess.run(
        ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "sh", "-c", reach],
        capture_output=True,
        text=True,
        check=False,
    )
    assert denied.stdout == ""
    assert denied.stderr.count("Permission denied") == 4
    for path in [directory, *directory.rglob("*")]:
        if path.is_socket() or (path.is_dir() and "payload" not in path.parts):
            assert path.stat().st_mode & 0o007 == 0, path
    _check(run_inception("down"))


@pytest.mark.parametrize("name", ["../own", "/etc", "Own/1", ".", "Own", ""])
@pytest.mark.parametrize("command", ["down", "tree", "shell", "env"])
def test_commands_refuse_an_invalid_name(run_inception: RunInception, command: str, name: str) -> None:
    done = run_inception(command, name)
    assert done.returncode == 2
    assert b"cannot name a chain" in done.stderr


def test_unknown_chain_is_refused_in_one_line(run_inception: RunInception) -> None:
    done = run_inception("down", "nowhere")
    assert done.returncode == 125
    remedy = b"start one with: inception up --depth N (inception help no-chain)"
    assert done.stderr == b"inception: error: there is no chain named nowhere: " + remedy + b"\n"
