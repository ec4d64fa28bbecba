"""The main job on real engines: commands and shells at the bottom, and what a container there can reach."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from inception.plan.events import Event, Phase, State
from tests.integration.conftest import INCEPTION, RunInception
from tests.integration.container_output import LINGER

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]


def test_command_has_separate_streams_and_its_own_status(run_inception: RunInception) -> None:
    done = run_inception("--depth", "4", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"out\n")
    assert done.stderr.endswith(b"err\n") or b"err\n" in done.stderr


def test_quiet_descent_adds_nothing_to_standard_error(run_inception: RunInception) -> None:
    done = run_inception("--depth", "1", "--quiet", "--", "sh", "-c", "echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"err\n")


def test_command_reads_standard_input(run_inception: RunInception) -> None:
    done = run_inception("--depth", "3", "--", "wc", "-c", stdin=b"abc")
    assert (done.returncode, done.stdout.strip()) == (0, b"3")


def test_ten_random_megabytes_pass_unchanged_both_ways(run_inception: RunInception) -> None:
    sent = os.urandom(10 << 20)
    done = run_inception("--depth", "4", "--", "cat", stdin=sent)
    assert done.returncode == 0
    assert done.stdout == sent


def test_shell_without_a_terminal_reads_standard_input_to_its_end(run_inception: RunInception) -> None:
    done = run_inception("--depth", "2", stdin=b"echo at $INCEPTION_LEVEL of $INCEPTION_DEPTH\nexit 3\n")
    assert (done.returncode, done.stdout) == (3, b"at 2 of 2\n")


def test_depth_0_runs_the_command_on_the_host(run_inception: RunInception) -> None:
    done = run_inception("--depth", "0", "--", "sh", "-c", "cat; exit 4", stdin=b"here")
    assert (done.returncode, done.stdout) == (4, b"here")


def test_a_level_runs_byte_code_that_was_made_before(run_inception: RunInception) -> None:
    # Bytes 4 to 7 of a file of byte code: 1 says that it is not compared with its source (PEP 552).
    script = 'od -An -tu4 -j4 -N4 "$(dirname "$INCEPTION_PLAN")"/payload/inception/level/__pycache__/runner.*.pyc'
    done = run_inception("--depth", "1", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout.split()) == (0, [b"1"]), done.stderr


def test_event_file_has_every_phase_of_every_level(run_inception: RunInception, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    assert run_inception("--depth", "2", "--json-events", str(file), "--", "true").returncode == 0
    events = [Event.from_line(line) for line in file.read_text().splitlines()]
    for level in (1, 2):
        ended = {event.phase for event in events if event.level == level and event.state is State.END}
        assert ended == set(Phase)


def test_image_transfer_load_works(run_inception: RunInception, level_image: str) -> None:
    done = run_inception("--depth", "2", "--image-transfer", "load", "--", "docker", "image", "ls", "--quiet")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1, level_image


def test_runner_inherits_only_the_first_three_descriptors(run_inception: RunInception) -> None:
    # What the level's shell script says of the processes around it: no daemon holds what it did not open.
    script = "for p in $(pgrep -x containerd) $(pgrep -x dockerd); do ls -l /proc/$p/fd; done"
    done = run_inception("--depth", "2", "--", "sh", "-c", script)
    assert done.returncode == 0
    assert b"lifeline" not in done.stdout
    assert b"events.jsonl" not in done.stdout


_LINK = "incept-t"
_HOST_ADDRESS = "198.18.0.1"
"""From the range for tests between networks (RFC 2544): nobody's address."""


class _Greeter(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


class _Greeting(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"hello from the host\n")


@pytest.fixture
def greeter() -> Iterator[tuple[str, int]]:
    """A server on the host, at an address that is the host's own and nobody else's: on a link made for the test."""
    _ip("link", "add", _LINK, "type", "veth", "peer", "name", f"{_LINK}-2")
    try:
        _ip("address", "add", f"{_HOST_ADDRESS}/32", "dev", _LINK)
        _ip("link", "set", _LINK, "up")
        with _Greeter((_HOST_ADDRESS, 0), _Greeting) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield _HOST_ADDRESS, server.server_address[1]
            server.shutdown()
    finally:
        _ip("link", "delete", _LINK)


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)


@pytest.mark.parametrize("depth", [1, 4, 8])
def test_container_at_the_bottom_reaches_the_host(
    run_inception: RunInception, greeter: tuple[str, int], depth: int
) -> None:
    address, port = greeter
    greet = f"import socket; print(socket.create_connection(({address!r}, {port}), 10).recv(99).decode(), end='')"
    script = f'docker run --rm "$INCEPTION_IMAGE" python3 -c "{greet}"'
    done = run_inception("--depth", str(depth), "--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (0, b"hello from the host\n"), done.stderr.decode()


def test_containers_get_their_network_without_another_dockerd(run_inception: RunInception) -> None:
    script = """
    docker run -d --name held "$INCEPTION_IMAGE" sleep 60 >/dev/null
    docker exec held ip -br -4 address show eth0 | wc -l
    cat /run/containerd/*/moby/*/config.json | grep -o '"prestart":[^]]*' | cut -d '"' -f 6-14
    """
    done = run_inception("--depth", "2", "--", "sh", "-c", script)
    hook = '/usr/bin/python3","args":["python3","-ISB","/usr/local/lib/inception/bin/set_network_key.py'
    assert done.stdout.decode().splitlines() == ["1", hook], done.stderr.decode()


def test_shell_at_the_bottom_has_a_terminal() -> None:
    shell: pexpect.spawn[str] = pexpect.spawn(
        INCEPTION, ["--depth", "4", "--name", "dream"], dimensions=(30, 100), timeout=120, encoding="utf-8"
    )
    shell.expect_exact("[4/4]")
    shell.sendline("docker info --format '<{{.Name}}>'")
    shell.expect_exact("<dream-4>")
    shell.sendline(f'docker run --rm "$INCEPTION_IMAGE" sh -c "echo a$((1 + 1))b; {LINGER}"')
    shell.expect_exact("a2b")
    shell.sendline("stty size")
    shell.expect("30 100")
    shell.setwinsize(41, 123)
    shell.sendline("sleep 0.2; stty size")
    shell.expect("41 123")
    shell.sendline("exit 5")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 5


def test_plan_command_prints_the_plan_and_changes_nothing(run_inception: RunInception) -> None:
    done = run_inception("plan", "--depth", "3", "--json")
    assert done.returncode == 0, done.stderr.decode()
    assert [level["number"] for level in json.loads(done.stdout)["levels"]] == [1, 2, 3]
