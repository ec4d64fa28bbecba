"""Chains on a remote engine: over TCP with TLS, on a machine whose file system we do not see."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
from inception.plan.request import Request
from tests.integration.conftest import INCEPTION, RunInception, lasting_difference, steady_inventory, wait_for
from tests.integration.remote_engine import RemoteEngine, remote_engine

pytestmark = pytest.mark.integration

LIMIT_S = 60
GONE_S = 10
MEGABYTES_5 = 5_000_000


@pytest.fixture(scope="module")
def far(engine: Engine, level_image: str) -> Iterator[RemoteEngine]:
    """Shared by all tests here; after the last one the host is as it was before the first."""
    before = steady_inventory(engine)
    image = read_image(engine.client, level_image)
    assert image is not None
    plan = plan_on(engine, Request(depth=1, name="far-machine", image=level_image), (image,))
    with remote_engine(engine, level_image, plan.privileges) as far:
        yield far
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


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


@pytest.mark.usefixtures("unchanged_host")
def test_command_at_depth_2_has_our_streams_and_gives_us_its_status(
    far: RemoteEngine, own_run_root: Path, run_inception: RunInception
) -> None:
    script = "cat; hostname; echo complaint >&2; exit 7"
    done = run_inception("--depth", "2", "--name", "far-command", "-q", "--", "sh", "-c", script, stdin=b"given\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"given\nfar-command-2\n", b"complaint\n")
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
def test_shells_and_requests_from_levels_are_refused_in_one_line(
    far: RemoteEngine, run_inception: RunInception
) -> None:
    done = run_inception("--depth", "1", "--name", "far-shells", "-q", "--shells")
    assert done.returncode == 125
    assert b"chain far-shells on tcp://" in done.stderr
    assert b"cannot grow or shrink" in done.stderr
    asked = "for what in descend kick; do $what; echo $?; done"
    done = run_inception("--depth", "1", "--name", "far-asked", "-q", "--", "sh", "-c", asked)
    assert (done.returncode, done.stdout) == (0, b"125\n125\n")
    assert [line.split(b": ")[1] for line in done.stderr.splitlines()] == [b"no client listens here"] * 2
    assert left_on(far) == []


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
        paths = RunDirectory(own_run_root / "far-socket")  # type: ignore[arg-type]
        with closing(docker.APIClient(base_url=f"unix://{paths.socket(2)}", version="1.41")) as bottom:
            assert bottom.info()["Name"] == "far-socket-2"
        given = bytes(range(250)) * (MEGABYTES_5 // 250)
        with closing(docker.APIClient(base_url=f"unix://{paths.socket(1)}", version="1.41")) as above:
            count = above.exec_create("inception-far-socket-2", ["sha256sum"], stdin=True)["Id"]
            assert _fed(above, count, given) == _sha256_line(given)
        listed = run_inception("ls")
        assert b"running" in listed.stdout
        grown = run_inception("grow", "far-socket")
        assert (grown.returncode, grown.stderr.count(b"\n")) == (125, 1)
        assert b"cannot grow or shrink" in grown.stderr
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


@pytest.mark.usefixtures("unchanged_host")
def test_nothing_is_left_on_the_remote_engine_when_the_client_is_killed(
    far: RemoteEngine, own_run_root: Path, inception_environment: dict[str, str], run_inception: RunInception
) -> None:
    with sleeping_chain("far-killed", own_run_root, inception_environment) as client:
        assert left_on(far) != []
        client.send_signal(signal.SIGKILL)
        wait_for(lambda: left_on(far) == [], GONE_S, "the far engine still has levels")
    # Nobody there can remove the directory here.
    pruned = run_inception("prune", "--yes")
    assert pruned.returncode == 0, pruned.stderr
    assert list(own_run_root.iterdir()) == []


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


@pytest.mark.usefixtures("unchanged_host")
def test_detached_chain_is_refused_with_a_remedy(
    far: RemoteEngine, own_run_root: Path, run_inception: RunInception
) -> None:
    done = run_inception("up", "--depth", "1", "--name", "far-up")
    assert done.returncode == 2
    assert far.address.encode() in done.stderr
    assert b"stay attached" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert left_on(far) == []
    assert list(own_run_root.iterdir()) == []
