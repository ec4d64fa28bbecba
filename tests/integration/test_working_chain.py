"""A chain that one works in: with directories and ports of the host, frozen and let go on, watched."""

from __future__ import annotations

import contextlib
import errno
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from inception.engine.connect import Engine
from inception.linux import lifeline
from inception.places import run_root
from inception.plan.protocol import GATE
from tests.integration.conftest import INCEPTION, RunInception, lasting_difference, steady_inventory, wait_for
from tests.integration.container_output import LINGER

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("chain")]

DEPTH = 4
LIMIT_S = 60


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([INCEPTION, *arguments], input=stdin, capture_output=True, timeout=2 * LIMIT_S, check=False)


def output_of(*arguments: str, stdin: bytes = b"") -> str:
    done = run(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def error_of(*arguments: str) -> str:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (125, b"", 1), done.stderr.decode()
    return done.stderr.decode()


def condition() -> str:
    return str(json.loads(output_of("ls", "--json"))[0]["condition"])


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory of user 1234 with notes in it."""
    directory = tmp_path_factory.mktemp("here")
    (directory / "notes").mkdir()
    (directory / "notes/one").write_text("one\n")
    os.chown(directory / "notes/one", 1234, 1234)
    return directory


@pytest.fixture(scope="module")
def chain(engine: Engine, level_image: str, here: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start a chain of four levels, with a run root of its own, and a stream of its events."""
    del level_image
    before = steady_inventory(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCEPTION_RUN_ROOT", str(tmp_path_factory.mktemp("r")))
        patch.chdir(here)
        output_of(
            *("up", "--depth", str(DEPTH), "--name", "work", "--here"),
            *("--mount", "notes:/notes:ro", "-v", f"2-3={here}/notes/one:/etc/one"),
        )
        stream = subprocess.Popen([INCEPTION, "events", "work", "--json"], stdout=subprocess.PIPE, text=True)
        try:
            yield
        finally:
            output_of("down", "work")
        # The stream ends with the chain, and holds all of its life.
        output, _ = stream.communicate(timeout=LIMIT_S)
    events = [json.loads(line) for line in output.splitlines()]
    of_bottom = [(it["phase"], it["state"]) for it in events if it["level"] == DEPTH]
    assert of_bottom[0] == ("create", "begin")
    assert ("ready", "end") in of_bottom
    assert of_bottom[-1] == ("unwind", "end")
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


def test_a_paused_chain_stands_still_and_goes_on(here: Path) -> None:
    beats = here / "beats"
    output_of("exec", "--", "sh", "-c", f"(while sleep 0.05; do echo >>{beats}; done) >/dev/null 2>&1 &")
    wait_for(beats.exists, LIMIT_S, "the bottom does nothing")
    output_of("pause")
    try:
        stood_at = beats.stat().st_size
        assert condition() == "paused"
        assert output_of("tree").startswith("work: paused, on ")
        assert " paused" in output_of("ls")
        assert json.loads(output_of("top", "--json"))["condition"] == "paused"
        for refused in (("exec", "--", "true"), ("grow",), ("shrink",), ("cp", "work:/run/count", "-"), ("pause",)):
            assert "chain work is paused: let it go on with: inception resume work" in error_of(*refused)
        assert beats.stat().st_size == stood_at
    finally:
        output_of("resume")
    assert condition() == "running"
    wait_for(lambda: beats.stat().st_size > stood_at, LIMIT_S, "the bottom stands still")
    assert "is not paused" in error_of("resume")


@pytest.mark.parametrize("end", ["down", "kick"])
def test_a_paused_chain_ends_when_it_is_asked_to(end: str) -> None:
    output_of("up", "--depth", "1", "--name", "frozen")
    output_of("pause", "frozen")
    begun_s = time.monotonic()
    output_of(end, "frozen")
    assert time.monotonic() - begun_s < 10
    assert [it["name"] for it in json.loads(output_of("ls", "--json"))] == ["work"]


def top() -> list[dict[str, Any]]:
    levels: list[dict[str, Any]] = json.loads(output_of("top", "--json"))["levels"]
    return levels


def test_top_shows_the_level_that_works() -> None:
    output_of("exec", "--level", "2", "--", "sh", "-c", "(timeout 20 sh -c 'while :; do :; done') >/dev/null 2>&1 &")
    image = "docker run -d --rm --name sleeper $INCEPTION_IMAGE sleep 60"
    output_of("exec", "--level", "3", "--", "sh", "-c", image)
    levels = top()
    assert [it["presence"] for it in levels] == ["ready"] * DEPTH
    assert max(levels, key=lambda it: it["cpu"])["level"] == 2
    assert [it["containers"] for it in levels] == [[], [], ["sleeper"], []]
    assert all(10e6 < it["memory"] < 2e9 and 10 < it["tasks"] < 500 for it in levels), levels
    table = output_of("top").splitlines()
    assert table[0].split() == ["LEVEL", "STATE", "CPU", "MEMORY", "TASKS", "CONTAINERS"]
    assert table[3].endswith("sleeper")
    output_of("exec", "--level", "3", "--", "docker", "kill", "sleeper")


def test_top_is_shown_again_and_again_on_a_terminal() -> None:
    watching = pexpect.spawn(INCEPTION, ["top", "work"], timeout=LIMIT_S, dimensions=(24, 100))
    for _ in range(2):
        watching.expect("work: running")
        watching.expect(r"4 +ready")
    watching.sendintr()
    watching.expect(pexpect.EOF)
    assert watching.wait() == 0


def test_events_so_far_are_lines_for_people(run_inception: RunInception) -> None:
    lines = run_inception("events", "work", "--no-follow").stdout.decode().splitlines()
    assert any("level 4  ready ends  after" in line for line in lines)


@pytest.mark.parametrize("level", ["1", "4"])
def test_the_host_s_directories_are_in_a_level_and_in_its_containers(level: str, here: Path) -> None:
    def script(text: str) -> str:
        return output_of("exec", "--level", level, "--", "sh", "-c", text)

    assert script(f"cat {here}/notes/one; stat -c %u:%g /notes/one") == "one\n1234:1234\n"
    script(f"echo from {level} >{here}/written")
    assert (here / "written").read_text() == f"from {level}\n"
    with pytest.raises(AssertionError, match="Read-only file system"):
        script("touch /notes/two")
    assert script(f"docker run --rm -v /notes:/n:ro $INCEPTION_IMAGE sh -c 'cat /n/one; {LINGER}'") == "one\n"
    with pytest.raises(AssertionError, match="Read-only file system"):
        script("docker run --rm -v /notes:/n $INCEPTION_IMAGE touch /n/two")


def test_a_mount_of_some_levels_is_in_these_alone(here: Path) -> None:
    found = [output_of("exec", "--level", level, "--", "sh", "-c", "cat /etc/one || :") for level in "1234"]
    assert found == ["", "one\n", "one\n", ""]
    output_of("exec", "--level", "3", "--", "sh", "-c", "echo two >>/etc/one")
    assert (here / "notes/one").read_text() == "one\ntwo\n"
    (here / "notes/one").write_text("one\n")


def test_a_new_level_has_the_mounts_too(here: Path) -> None:
    output_of("grow", "work")
    assert output_of("exec", "--", "cat", "/notes/one", f"{here}/notes/one") == "one\n" * 2
    output_of("shrink", "work")


def test_what_is_mounted_below_a_read_only_directory_is_read_only() -> None:
    # The host's engine has seen what is mounted on /dev since it began.
    script = "grep -c ' /data/shm ro' /proc/self/mountinfo; touch /data/shm/new"
    done = run("--quiet", "--depth", "2", "-v", "/dev:/data:ro", "--", "sh", "-c", script)
    assert int(done.stdout) > 0
    assert b"Read-only file system" in done.stderr


def test_a_mount_that_cannot_be_leaves_nothing(tmp_path: Path) -> None:
    for option, said in (
        (f"{tmp_path}/gone:/gone", f"there is no {tmp_path}/gone"),
        (f"{tmp_path}:/proc/x", "mount target /proc/x would hide /proc, which a level needs"),
        (f"{tmp_path}", "is not [LEVELS=]SOURCE:TARGET[:ro]"),
        (f"9={tmp_path}:/x", "there is no level 9 in a chain of depth 2"),
    ):
        done = run("up", "--depth", "2", "--name", "wrong", "--mount", option)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
        assert said in done.stderr.decode()


HTTP = "python3 -m http.server {port} --bind {address} --directory /etc"
ECHO = (
    "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('0.0.0.0', 53));\n"
    "while True: data, sender = s.recvfrom(100); s.sendto(data.upper(), sender)"
)
GET = "import sys, urllib.request as it; print(it.urlopen(sys.argv[1], timeout=10).read().decode(), end='')"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(level: str, script: str) -> None:
    output_of("exec", "--level", level, "--", "sh", "-c", f"({script}) </dev/null >/dev/null 2>&1 &")


def fetch(port: int, path: str) -> bytes:
    """Fetch over a forwarded port, as soon as the server behind it listens: until then the connection ends at once."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        try:
            return bytes(urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=LIMIT_S).read())
        except OSError:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)


def test_a_port_leads_to_a_level_and_to_a_container_at_the_bottom() -> None:
    start("1", HTTP.format(port=8000, address="127.0.0.1"))
    web = f"docker run -d --rm --name web --hostname web $INCEPTION_IMAGE {HTTP.format(port=80, address='::')}"
    output_of("exec", "--", "sh", "-c", web)
    to_level, to_container = free_port(), free_port()
    assert output_of("forward", "--level", "1", f"{to_level}:8000") == f"127.0.0.1:{to_level} to 8000 in level 1\n"
    forward = json.loads(output_of("forward", "work", f"{to_container}:web:80", "--json"))
    assert forward == {
        "level": DEPTH,
        "address": "127.0.0.1",
        "port": to_container,
        "container": "web",
        "target": 80,
        "protocol": "tcp",
    }
    assert fetch(to_level, "hostname") == b"work-1\n"
    assert fetch(to_container, "hostname") == b"web\n"
    assert f"127.0.0.1:{to_container} to web:80 in level 4" in output_of("ls")
    assert forward in json.loads(output_of("ls", "--json"))[0]["forwards"]
    for arguments, said in (
        ((f"{to_container}:web:80",), "chain work forwards that already"),
        ((f"{free_port()}:gone:80",), f"level {DEPTH} of chain work has no container gone"),
        ((f"127.0.0.2:{to_level}:8000", "--level", "9"), "chain work has no level 9"),
    ):
        assert said in run("forward", "work", *arguments).stderr.decode()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = error_of("forward", "work", f"{taken.getsockname()[1]}:web:80")
        assert "Address already in use" in said
    # Its address may be another one after a restart.
    output_of("exec", "--", "docker", "restart", "-t", "0", "web")
    assert fetch(to_container, "hostname") == b"web\n"
    output_of("exec", "--", "docker", "kill", "web")


def test_datagrams_are_forwarded_and_answered() -> None:
    command = ["exec", "--", "sh", "-c", 'docker run -d --rm --name echo $INCEPTION_IMAGE python3 -c "$0"', ECHO]
    output_of(*command)
    port = free_port()
    output_of("forward", f"{port}:echo:53/udp")
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(0.5)
        for _ in range(20):  # The server needs a moment.
            client.send(b"hello")
            with contextlib.suppress(OSError):
                assert client.recv(100) == b"HELLO"
                break
        else:
            pytest.fail("no answer")
    output_of("exec", "--", "docker", "kill", "echo")


class Hello(http.server.BaseHTTPRequestHandler):
    """A service of the host."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from the host")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_service_of_the_host_is_at_the_same_address_in_every_level() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        assert output_of("forward", "--expose-host", str(port)) == f"port {port} of the host in every level\n"
        for level in ("1", str(DEPTH)):
            get = output_of("exec", "--level", level, "--", "python3", "-c", GET, f"http://127.0.0.1:{port}/")
            assert get == "hello from the host"
        inside = f'docker run --rm $INCEPTION_IMAGE python3 -c "$0" http://{GATE}:{port}/'
        assert output_of("exec", "--", "sh", "-c", inside, GET) == "hello from the host"
        output_of("grow")
        time.sleep(2)  # It looks for new levels twice a second.
        assert output_of("exec", "--", "python3", "-c", GET, f"http://127.0.0.1:{port}/") == "hello from the host"
        output_of("shrink")
        server.shutdown()


def test_forwards_end_with_their_chain() -> None:
    output_of("up", "--depth", "1", "--name", "short")
    alive = run_root() / "short/1/alive"
    port = free_port()
    output_of("forward", "short", f"{port}:80")
    socket.create_connection(("127.0.0.1", port)).close()
    output_of("down", "short")
    assert not lifeline.is_held(alive)
    wait_for(lambda: is_closed(port), LIMIT_S, f"port {port} is still open")


def is_closed(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
