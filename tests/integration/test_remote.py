"""Chains on a remote engine, whose file system we do not see: over TCP with TLS, or through ssh."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker
import pexpect
import pytest

from inception.chain.prepare import plan_on
from inception.chain.session.connection import open_exec_connection
from inception.chain.session.exec_handle import ExecHandle
from inception.engine.connect import Engine
from inception.image.store import read_image
from inception.plan.chain import LABEL_CHAIN
from inception.plan.paths import RunDirectory
from inception.plan.protocol import SIGNAL_UNWIND
from inception.plan.request import Request
from tests.integration.conftest import INCEPTION, RunInception, lasting_difference, steady_inventory, wait_for
from tests.integration.remote_engine import RemoteEngine, remote_engine
from tests.integration.remote_ssh import LACKING, engine_behind_ssh

pytestmark = pytest.mark.integration

LIMIT_S = 60
GONE_S = 10
MEGABYTES_5 = 5_000_000


@pytest.fixture(scope="module")
def tls_engine(engine: Engine, level_image: str) -> Iterator[RemoteEngine]:
    """Shared by all tests here; after the last one the host is as it was before the first."""
    before = steady_inventory(engine)
    image = read_image(engine.client, level_image)
    assert image is not None
    plan = plan_on(engine, Request(depth=1, name="far-machine", image=level_image), (image,))
    with remote_engine(engine, level_image, plan.privileges) as far:
        yield far
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


@pytest.fixture(scope="module")
def ssh_engine(engine: Engine, level_image: str) -> Iterator[RemoteEngine]:
    assert level_image
    with engine_behind_ssh(engine) as far:
        yield far


either_way = pytest.mark.parametrize(
    "far",
    ["tls_engine", pytest.param("ssh_engine", marks=pytest.mark.skipif(LACKING is not None, reason=str(LACKING)))],
    indirect=True,
)


@pytest.fixture(scope="module")
def far(request: pytest.FixtureRequest) -> RemoteEngine:
    """Reached over TCP with TLS, unless a test says that it does `either_way`."""
    found = request.getfixturevalue(getattr(request, "param", "tls_engine"))
    assert isinstance(found, RemoteEngine)
    return found


@pytest.fixture
def inception_environment(inception_environment: dict[str, str], far: RemoteEngine) -> dict[str, str]:
    return {**inception_environment, **far.environment, "DOCKER_HOST": far.address}


def left_on(far: RemoteEngine) -> list[str]:
    """The chains' containers and volumes on the engine."""
    labelled = {"label": LABEL_CHAIN}
    containers = [it["Names"][0] for it in far.client.containers(all=True, filters=labelled)]
    return containers + [it["Name"] for it in far.client.volumes(filters=labelled)["Volumes"] or ()]


@contextmanager
def sleeping_chain(name: str, root: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """An attached chain of depth 2, whose bottom runs a command that takes long."""
    command = [INCEPTION, "--depth", "2", "--name", name, "--", "sh", "-c", "echo up; exec sleep 600"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as client:
        assert client.stdout is not None
        try:
            assert client.stdout.readline() == b"up\n"
            assert (root / name).is_dir()
            yield client
        finally:
            client.terminate()
            client.wait(LIMIT_S)


@either_way
@pytest.mark.usefixtures("unchanged_host")
def test_command_at_depth_2_has_our_streams_and_gives_us_its_status(
    far: RemoteEngine, own_run_root: Path, run_inception: RunInception
) -> None:
    given = os.urandom(10 << 20)
    script = "cat; hostname >&2; exit 7"
    done = run_inception("--depth", "2", "--name", "far-command", "-q", "--", "sh", "-c", script, stdin=given)
    assert (done.returncode, done.stderr) == (7, b"far-command-2\n")
    assert done.stdout == given
    assert left_on(far) == []
    assert list(own_run_root.iterdir()) == []


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
def test_session_at_depth_1_goes_through_the_remote_engine_itself(
    far: RemoteEngine, run_inception: RunInception
) -> None:
    done = run_inception("--depth", "1", "--name", "far-one", "-q", "--", "hostname")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"far-one-1\n", b"")
    assert left_on(far) == []


@pytest.mark.usefixtures("unchanged_host", "own_run_root")
def test_shells_climb_and_requests_from_levels_reach_the_client(
    far: RemoteEngine, inception_environment: dict[str, str]
) -> None:
    shell = pexpect.spawn(
        INCEPTION,
        ["--depth", "2", "--name", "far-shells", "-q", "--shells"],
        timeout=LIMIT_S,
        encoding="utf-8",
        env={**inception_environment, "TERM": "dumb"},
    )
    with closing(shell):
        shell.expect("far-shells-2:")
        shell.sendline("descend")
        shell.expect("far-shells-3:")
        shell.sendline("exit")
        shell.expect("far-shells-2:")
        shell.sendline("exit")
        shell.expect("far-shells-1:")
        shell.sendline("kick")
        shell.expect(pexpect.EOF)
        shell.wait()
    assert shell.exitstatus == 0
    assert left_on(far) == []


@either_way
@pytest.mark.usefixtures("unchanged_host", "own_run_root")
def test_terminal_at_depth_2_follows_the_size_of_ours(far: RemoteEngine, inception_environment: dict[str, str]) -> None:
    arguments = ["--depth", "2", "--name", "far-terminal", "-q", "--", "bash", "--norc"]
    shell = pexpect.spawn(
        INCEPTION,
        arguments,
        dimensions=(30, 90),
        timeout=LIMIT_S,
        encoding="utf-8",
        env={**inception_environment, "TERM": "dumb"},
    )
    with closing(shell):
        shell.sendline("PS1='at:'; tty; hostname; stty size")
        shell.expect("/dev/pts/[0-9]+\r\nfar-terminal-2\r\n30 90\r\nat:")
        shell.setwinsize(40, 120)
        shell.sendline("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo gr''own")
        shell.expect("grown\r\nat:")
        shell.sendline("sleep 600")
        time.sleep(0.5)
        shell.sendcontrol("c")
        shell.expect("at:")
        shell.sendline("exit 5")
        shell.expect(pexpect.EOF)
        shell.wait()
    assert shell.exitstatus == 5
    assert left_on(far) == []


@pytest.mark.usefixtures("unchanged_host")
def test_sockets_of_levels_are_here_and_each_way_ends_alone(
    far: RemoteEngine, own_run_root: Path, inception_environment: dict[str, str], run_inception: RunInception
) -> None:
    with sleeping_chain("far-socket", own_run_root, inception_environment):
        paths = RunDirectory(root=own_run_root / "far-socket")  # type: ignore[arg-type]
        with closing(docker.APIClient(base_url=f"unix://{paths.socket(2)}", version="1.41")) as bottom:
            assert bottom.info()["Name"] == "far-socket-2"
        given = bytes(range(250)) * (MEGABYTES_5 // 250)
        with closing(docker.APIClient(base_url=f"unix://{paths.socket(1)}", version="1.41")) as above:
            count = above.exec_create("inception-far-socket-2", ["sha256sum"], stdin=True)["Id"]
            assert _fed(above, count, given) == _sha256_line(given)
        listed = run_inception("ls")
        assert b"running" in listed.stdout
    assert left_on(far) == []


def _fed(client: docker.APIClient, exec_id: str, given: bytes) -> bytes:
    """Return the output of a command that reads `given` to its end."""
    with closing(open_exec_connection(client, exec_id, terminal=False)) as connection:
        connection.put(given)
        connection.end()
        deadline = time.monotonic() + LIMIT_S
        said = b""
        while (part := connection.receive()) != b"":
            assert time.monotonic() < deadline
            said += part or b""
            if connection.waiting:
                connection.send_some()
            if part is None:
                time.sleep(0.001)
    assert ExecHandle(client, "", exec_id).status() == 0
    return said[8:]


def _sha256_line(data: bytes) -> bytes:
    return subprocess.run(["sha256sum"], input=data, capture_output=True, check=True).stdout


@either_way
@pytest.mark.usefixtures("unchanged_host")
def test_nothing_is_left_on_the_remote_engine_when_the_client_is_killed(
    far: RemoteEngine, own_run_root: Path, inception_environment: dict[str, str]
) -> None:
    with sleeping_chain("far-killed", own_run_root, inception_environment) as client:
        assert left_on(far) != []
        client.send_signal(signal.SIGKILL)
        wait_for(lambda: left_on(far) == [], GONE_S, "the far engine still has levels")
        # Its mirror process, though the client has not been waited for.
        wait_for(lambda: not any(own_run_root.iterdir()), GONE_S, "the client's directory is still here")


@pytest.mark.usefixtures("unchanged_host")
def test_nothing_is_left_when_the_client_is_killed_before_it_holds_the_lifeline(
    far: RemoteEngine, own_run_root: Path, inception_environment: dict[str, str], run_inception: RunInception
) -> None:
    command = [INCEPTION, "--depth", "1", "--name", "far-early", "--patience", "0.3", "-q", "--", "true"]
    with subprocess.Popen(command, env=inception_environment, stdin=subprocess.DEVNULL) as client:
        events = own_run_root / "far-early" / "events.jsonl"
        wait_for(lambda: events.exists() and '"start"' in events.read_text(), LIMIT_S, "level 1 is not started")
        client.kill()

    # A container that was created and never started is for `inception prune`, here as on any engine; one that was being
    # started meanwhile ends by itself, and is left alone until then.
    def pruned() -> bool:
        done = run_inception("prune", "--yes")
        assert done.returncode == 0, done.stderr
        return left_on(far) == []

    wait_for(pruned, LIMIT_S, "something of the chain stays")


@either_way
@pytest.mark.usefixtures("unchanged_host")
def test_detached_chain_is_reached_grown_and_ended_by_later_commands(
    far: RemoteEngine, own_run_root: Path, run_inception: RunInception
) -> None:
    run = succeeding(run_inception)
    assert run("up", "--depth", "1", "--name", "far-up", "-q") == b"far-up\n"
    name, depth, attached, *_engine, state = run("ls").splitlines()[1].split()
    assert (name, depth, attached, state) == (b"far-up", b"1", b"no", b"running")
    run("grow", "far-up", "-q")
    names = "hostname; docker info --format '{{.Name}}'"
    assert run("exec", "far-up", "--", "sh", "-c", names) == b"far-up-2\n" * 2
    run("down", "far-up", "-q")
    assert left_on(far) == []
    assert list(own_run_root.iterdir()) == []


@pytest.mark.usefixtures("unchanged_host")
def test_every_command_for_a_chain_that_stays_works(
    far: RemoteEngine, own_run_root: Path, run_inception: RunInception, tmp_path: Path
) -> None:
    run = succeeding(run_inception)
    run("up", "--depth", "3", "--name", "far-all", "-q")
    tree = run("tree", "far-all").decode().splitlines()
    assert tree[0] == f"far-all: running, on {far.address}"
    assert [line.split()[1:4] for line in tree[1:]] == [[str(number), "ready", "engine"] for number in (1, 2, 3)]
    run("exec", "far-all", "--", "sh", "-c", "echo by hand >>$(dirname $INCEPTION_PLAN)/2/dockerd.log")
    logs = ("logs", "far-all", "--level", "2", "--program", "dockerd")
    wait_for(lambda: b"2 dockerd: by hand" in run(*logs), GONE_S, "the log is not mirrored")
    (tmp_path / "note").write_bytes(b"from here")
    for level in ("1", "3"):
        run("cp", "--level", level, str(tmp_path / "note"), "far-all:/run/note")
        run("cp", "--level", level, "far-all:/run/note", str(tmp_path / level))
        assert (tmp_path / level).read_bytes() == b"from here"
    run("shrink", "far-all", "2", "-q")
    directories = run("exec", "far-all", "--", "sh", "-c", "hostname; cd $(dirname $INCEPTION_PLAN); echo [0-9]*")
    assert directories == b"far-all-1\n0 1\n"
    run("grow", "far-all", "-q")
    assert run("exec", "far-all", "--", "hostname") == b"far-all-2\n"
    run("kick", "far-all", "-q")
    assert left_on(far) == []
    assert list(own_run_root.iterdir()) == []


@pytest.mark.usefixtures("unchanged_host")
def test_mirror_process_that_was_killed_is_started_again(
    far: RemoteEngine, own_run_root: Path, run_inception: RunInception
) -> None:
    run = succeeding(run_inception)
    run("up", "--depth", "1", "--name", "far-again", "-q")
    before = (own_run_root / "far-again" / "events.jsonl").read_text().count("\n")
    (mirror,) = mirror_processes(own_run_root)
    os.kill(mirror, signal.SIGKILL)
    wait_for(lambda: mirror_processes(own_run_root) == [], GONE_S, "the mirror process is still there")
    assert b"nothing is left behind" in run_inception("prune", "--yes").stderr
    assert b"running" in run("ls")
    assert run("exec", "far-again", "--", "hostname") == b"far-again-1\n"
    assert (own_run_root / "far-again" / "events.jsonl").read_text().count("\n") == before
    (mirror,) = mirror_processes(own_run_root)
    os.kill(mirror, signal.SIGKILL)
    silent = {"DOCKER_CERT_PATH": "/nonexistent", "DOCKER_TLS_VERIFY": "", "DOCKER_HOST": ""}
    listed = run_inception("ls", environment=silent)
    assert b"unreachable" in listed.stdout
    assert b"nothing is left behind" in run_inception("prune", "--yes").stderr
    run("kick", "far-again", "-q")
    assert left_on(far) == []
    assert list(own_run_root.iterdir()) == []


@pytest.mark.usefixtures("unchanged_host")
def test_end_of_a_detached_chain_shows_here(far: RemoteEngine, own_run_root: Path, run_inception: RunInception) -> None:
    run = succeeding(run_inception)
    run("up", "--depth", "1", "--name", "far-broken", "-q")
    run("up", "--depth", "1", "--name", "far-ending", "-q")
    far.client.kill("inception-far-ending-1", SIGNAL_UNWIND.name)
    wait_for(lambda: not (own_run_root / "far-ending").exists(), LIMIT_S, "the directory is still here")
    far.client.kill("inception-far-broken-1", "SIGKILL")
    wait_for(lambda: b"broken (level 1" in run("ls"), GONE_S, "the chain does not show as broken")
    run("down", "far-broken", "-q")
    assert left_on(far) == []


def succeeding(run_inception: RunInception) -> Callable[..., bytes]:
    """Give a function that runs `inception` as `run_inception` does, and returns the output of a success."""

    def run(*arguments: str) -> bytes:
        done = run_inception(*arguments)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    return run


def mirror_processes(root: Path) -> list[int]:
    """The processes that keep mirrors in the run root `root`."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal():
            with suppress(OSError):
                words = (directory / "cmdline").read_bytes().split(b"\0")
                if b"inception.chain.remote.mirror_process" in words and str(root).encode() in words[-2]:
                    found.append(int(directory.name))
    return found
