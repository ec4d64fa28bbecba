"""A client in a container that has the engine's socket: chains as on the host, with and without a shared run root."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import pexpect
import pytest

from inception.callbacks import ignore
from inception.engine.connect import Engine
from inception.image.client import CLIENT_TAG, ensure_client_image
from inception.image.store import find_image
from inception.plan.chain import LABEL_CHAIN
from tests.integration.conftest import RunInception, lasting_difference, steady_inventory, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host")]

IMAGE = CLIENT_TAG.removesuffix(":latest")
SOCKET = "/var/run/docker.sock"
RUN_ROOT = "/run/inception"
LIMIT_S = 60
GONE_S = 15
USER = 12345
_SECTION = (Path(__file__).parents[2] / "docs/how-to/container.md").read_text().replace("\\\n", " ")


@pytest.fixture(scope="module")
def host(engine: Engine, level_image: str) -> Iterator[Engine]:
    """Give an engine with the client image; after the last test here the host is as it was before the first."""
    before = steady_inventory(engine)
    level_image_id = find_image(engine.client, level_image)
    assert level_image_id is not None
    ensure_client_image(engine.client, level_image_id, on_message=ignore)
    yield engine
    engine.client.remove_image(CLIENT_TAG)
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


@pytest.fixture
def directory() -> Iterator[Path]:
    """Give an empty directory of the host, below /run, that holds nothing after the test either."""
    with tempfile.TemporaryDirectory(prefix="runs-", dir="/run") as place:
        yield Path(place)
        assert not list(Path(place).rglob("*"))


def docker_cli(host: Engine, *words: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `docker` on the host, as a user would who starts containers there."""
    environment = {**os.environ, "DOCKER_HOST": host.endpoint}
    return subprocess.run(
        ["docker", *map(str, words)],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def socket_mount(host: Engine) -> tuple[str, str]:
    return ("-v", f"{host.endpoint.removeprefix('unix://')}:{SOCKET}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A container that stays while commands are run in it, as a job of CI is."""

    host: Engine
    container: str

    def run(self, *words: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return docker_cli(self.host, "exec", "-i", self.container, *words, stdin=stdin)

    def inception(self, *words: str) -> str:
        done = self.run("inception", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def terminal(self, *words: str) -> pexpect.spawn[str]:
        return pexpect.spawn(
            "docker",
            ["exec", "-ti", self.container, "inception", *words],
            env={**os.environ, "DOCKER_HOST": self.host.endpoint, "TERM": "dumb"},
            timeout=LIMIT_S,
            encoding="utf-8",
        )


@contextmanager
def job(host: Engine, *options: str) -> Iterator[Job]:
    started = docker_cli(host, "run", "-d", "--rm", *socket_mount(host), *options, IMAGE, "sleep", "600")
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    inside = Job(host=host, container=container)
    try:
        yield inside
    finally:
        left = inside.run("inception", "ls", "--json").stdout
        inside.run("inception", "kick", "--all")
        docker_cli(host, "rm", "-f", container)
    assert left == "[]\n"


def left_of(host: Engine, name: str) -> list[str]:
    """Return the names of the containers of a chain on the engine, and of their volumes."""
    labelled = {"label": f"{LABEL_CHAIN}={name}"}
    containers = [it["Names"][0] for it in host.client.containers(all=True, filters=labelled)]
    return containers + [it["Name"] for it in host.client.volumes(filters=labelled)["Volumes"] or ()]


def at_terminal(inside: Job, name: str) -> None:
    shell = inside.terminal("shell", name)
    shell.sendline("PS1='at:'; tty; hostname")
    shell.expect("/dev/pts/[0-9]+\r\n")
    shell.expect(f"{name}-2\r\n.*at:")
    shell.sendline("exit 5")
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 5


def live(inside: Job, beside: Callable[[str], None]) -> None:
    """Have one chain do all that a chain does; `beside` is called with its name while it runs."""
    assert inside.inception("up", "--depth", "2", "--name", "job", "--quiet") == "job\n"
    assert re.search(r"job +2 +no .* running", inside.inception("ls"))
    assert inside.inception("exec", "job", "--level", "1", "--", "hostname") == "job-1\n"
    assert "nothing is left behind" in inside.run("inception", "prune", "--yes").stderr
    beside("job")
    at_terminal(inside, "job")
    inside.inception("grow", "job", "--quiet")
    assert inside.run("sh", "-c", "echo brought >/tmp/file && inception cp /tmp/file job:/run/").returncode == 0
    assert inside.inception("exec", "job", "--", "sh", "-c", "hostname; cat /run/file") == "job-3\nbrought\n"
    assert inside.inception("cp", "job:/run/file", "-").rstrip("\0").endswith("brought\n")
    engine_of_2 = 'eval "$(inception env job --level 2)" && docker info --format "{{.Name}}"'
    assert inside.run("sh", "-c", engine_of_2).stdout == "job-2\n"
    inside.inception("shrink", "job")
    assert re.search(r"^2 containerd: ", inside.inception("logs", "job"), re.MULTILINE)
    inside.inception("down", "job")


def test_volume_as_run_root_carries_a_chain_that_stays(host: Engine) -> None:
    volume = host.client.create_volume("inception-test-runs")["Name"]
    try:
        with job(host, "-v", f"{volume}:{RUN_ROOT}") as inside:
            live(inside, lambda name: _is_left_alone_by_another(host, name))
            assert inside.run("ls", "-A", RUN_ROOT).stdout == ""
    finally:
        host.client.remove_volume(volume)
    assert left_of(host, "job") == []


def _is_left_alone_by_another(host: Engine, name: str) -> None:
    """Check that a client without this run root takes no chain in it for dead."""
    pruned = docker_cli(host, "run", "--rm", *socket_mount(host), IMAGE, "inception", "prune", "--yes")
    assert (pruned.returncode, pruned.stderr) == (0, "inception: nothing is left behind\n")
    assert f"/inception-{name}-1" in left_of(host, name)


def test_directory_at_another_path_as_run_root_of_an_ordinary_user(host: Engine, directory: Path) -> None:
    workspace = directory / "workspace"
    workspace.mkdir()
    os.chown(workspace, USER, USER)
    group = str(Path(host.endpoint.removeprefix("unix://")).stat().st_gid)
    user = ("--user", f"{USER}:{USER}", "--group-add", group, "-e", "INCEPTION_RUN_ROOT=/job/deeper/runs")
    with job(host, *user, "-v", f"{workspace}:/job") as inside:
        assert inside.inception("up", "--depth", "2", "--name", "own", "--quiet") == "own\n"
        assert (workspace / "deeper" / "runs" / "own" / "plan.json").exists()
        assert inside.inception("exec", "own", "--", "hostname") == "own-2\n"
        inside.inception("down", "own")
        assert inside.run("rm", "-r", "/job/deeper").returncode == 0
    workspace.rmdir()


def test_container_without_a_run_root_runs_a_command_and_names_what_up_lacks(host: Engine) -> None:
    with job(host) as inside:
        assert inside.inception("--depth", "2", "--name", "alone", "--quiet", "--", "hostname") == "alone-2\n"
        refused = inside.run("inception", "up", "--depth", "1")
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        assert refused.stderr.endswith(f"docker run -v {RUN_ROOT}:{RUN_ROOT} (inception help run-root)\n")
        assert f"run directory   {RUN_ROOT}/alone" in inside.inception("plan", "--depth", "3", "--name", "alone")
        examined = inside.run("inception", "doctor")
        assert (examined.returncode, examined.stderr) == (0, "")
        stressed = inside.run("inception", "stress", "--max-depth", "1")
        assert (stressed.returncode, stressed.stdout) == (0, "depth 1 reached\n"), stressed.stderr
        assert "Traceback" not in stressed.stderr
        assert stressed.stderr.count("not looked at for leaks: ") == 1
    assert left_of(host, "alone") == []


def test_every_module_of_the_program_can_be_imported_in_the_image(host: Engine) -> None:
    script = (
        "import sys; sys.path.insert(0, '/usr/lib/inception')\n"
        "import importlib, pkgutil, inception\n"
        "for it in pkgutil.walk_packages(inception.__path__, 'inception.'):\n"
        # The plugin is for a program that is not in the image.
        "    it.name.endswith('__main__') or 'pytest_plugin' in it.name or importlib.import_module(it.name)\n"
    )
    done = docker_cli(host, "run", "--rm", IMAGE, "python3", "-c", script)
    assert (done.returncode, done.stderr) == (0, "")


def test_published_engine_is_reached_at_the_address_of_the_container(
    host: Engine, directory: Path, run_inception: RunInception
) -> None:
    published = ("--publish-engine", "2376", "--publish-address", "0.0.0.0")  # noqa: S104 - of a container
    same_path = ("-v", f"{directory}:{directory}", "-e", f"INCEPTION_RUN_ROOT={directory}")
    options = ("run", "--rm", *socket_mount(host), *same_path)
    short = docker_cli(host, *options, IMAGE, "inception", "up", "--depth", "1", *published)
    assert (short.returncode, short.stderr.count("\n")) == (2, 1)
    assert "would close with this container" in short.stderr
    with job(host, *same_path) as inside, job(host, *same_path) as other:
        inside.inception("up", "--depth", "1", "--name", "open", "--quiet", *published)
        asked = 'eval "$(inception env open)" && echo $DOCKER_HOST && docker info --format "{{.Name}}"'
        said = other.run("sh", "-c", asked)
        address = host.client.inspect_container(inside.container)["NetworkSettings"]["IPAddress"]
        assert said.stdout == f"tcp://{address}:2376\nopen-1\n", said.stderr
        listed = run_inception("ls", environment={"INCEPTION_RUN_ROOT": str(directory)})
        assert re.search(rb"open +1 +no .* running", listed.stdout)
        other.inception("down", "open")


def _as_here(command: str, host: Engine, directory: Path) -> list[str]:
    """Return the words of a command of the manual, with this engine's socket and a run root of the test's own."""
    mounts = command.replace(f"{SOCKET}:", f"{host.endpoint.removeprefix('unix://')}:", 1)
    return shlex.split(mounts.replace(f"-v {RUN_ROOT}:", f"-v {directory}:"))


def test_killed_container_leaves_nothing(host: Engine, directory: Path) -> None:
    (command,) = re.findall(r"^(docker run .* inception --depth 4)$", _SECTION, re.MULTILINE)
    words = [*_as_here(command, host, directory), "--name", "killed"]
    words[2:2] = ["--name", "inception-test-killed"]
    environment = {**os.environ, "DOCKER_HOST": host.endpoint, "TERM": "dumb"}
    shell = pexpect.spawn(words[0], words[1:], env=environment, timeout=LIMIT_S, encoding="utf-8")
    shell.expect(re.escape("[4/4]"))
    assert (directory / "killed").is_dir()
    assert docker_cli(host, "kill", "inception-test-killed").returncode == 0
    shell.expect(pexpect.EOF)
    shell.close()
    wait_for(lambda: left_of(host, "killed") == [], GONE_S, "something of the chain stays")
    wait_for(lambda: not list(directory.iterdir()), GONE_S, "its run directory stays")


def test_killed_container_without_a_run_root_leaves_nothing(host: Engine) -> None:
    options = ("run", "-d", "--rm", "--name", "inception-test-killed", *socket_mount(host))
    command = ("inception", "--depth", "1", "--name", "killed", "--", "sleep", "600")
    assert docker_cli(host, *options, IMAGE, *command).returncode == 0
    wait_for(lambda: _level_1_sleeps(host), LIMIT_S, "the chain does not start")
    assert docker_cli(host, "kill", "inception-test-killed").returncode == 0
    wait_for(lambda: left_of(host, "killed") == [], GONE_S, "something of the chain stays")


def _level_1_sleeps(host: Engine) -> bool:
    """Return whether a level 1 runs the command of the chain."""
    for container in host.client.containers(filters={"label": LABEL_CHAIN}):
        try:
            processes = host.client.top(container["Id"])["Processes"]
        except docker.errors.APIError:  # It has not started yet.
            continue
        if any("sleep 600" in " ".join(process) for process in processes):
            return True
    return False


def test_job_of_gitlab_runs_as_the_manual_has_it(host: Engine, directory: Path) -> None:
    lines = re.findall(r"^    - (inception .*)$", _SECTION, re.MULTILINE)
    assert len(lines) == 3
    mounts = re.findall(r'"(/\S+:/\S+)"', _SECTION)
    given = _as_here(" ".join(f"-v {mount}" for mount in mounts), host, directory)
    # GitLab gives the script to a shell in the image.
    done = docker_cli(
        host, "run", "--rm", "-i", "-e", "CI_JOB_ID=7", *given, IMAGE, "sh", "-e", stdin="\n".join(lines) + "\n"
    )
    assert done.returncode == 0, done.stderr
    assert "Name: ci-7-3\n" in done.stdout


def test_agent_of_jenkins_runs_as_the_manual_has_it(host: Engine, directory: Path) -> None:
    (options,) = re.findall(r"args '(.*)'", _SECTION)
    (step,) = re.findall(r"sh '(.*)'", _SECTION)
    # Jenkins starts the agent's container with `cat`, as its own user unless told otherwise.
    started = docker_cli(
        host, "run", "-t", "-d", "--rm", "-u", f"{USER}:{USER}", *_as_here(options, host, directory), IMAGE, "cat"
    )
    assert started.returncode == 0, started.stderr
    try:
        done = docker_cli(host, "exec", started.stdout.strip(), "sh", "-xe", "-c", step)
        assert done.returncode == 0, done.stderr
        assert re.search(r"Name: \w+-3\n", done.stdout)
    finally:
        docker_cli(host, "rm", "-f", started.stdout.strip())
