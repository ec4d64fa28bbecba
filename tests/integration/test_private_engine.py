"""The private engine on this machine: it works, its clients share it, and however it ends nothing is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from inception.engine import endpoint
from inception.engine.connect import Engine, EngineChoice, connect
from inception.engine.private.layout import EngineDirectory
from inception.engine.private.lease import missing_for_private
from inception.errors import EngineError, EngineUnreachable
from inception.plan.chain import LABEL_CHAIN
from inception.plan.events import Event, Phase
from inception.probe.network import read_mtu
from tests.integration.conftest import INCEPTION, lasting_difference, steady_inventory, wait_for
from tests.integration.own_engine import own_private_engine
from tests.integration.tiny import TINY_IMAGE, import_tiny_image

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(missing_for_private() is not None, reason="a private engine cannot be started here"),
    pytest.mark.usefixtures("nothing_left"),
]

START_LIMIT_S = 60
STOP_LIMIT_S = 30
CHAIN_LIMIT_S = 90
UNWIND_LIMIT_S = 15
"""Levels notice within 10 seconds that their client is gone; then the engine stops."""
GREETING = b"hello from the host"

# A client in a process of its own, so that it can be killed: it uses the engine until its input ends.
CLIENT = """
import sys
from inception.engine.connect import EngineChoice, connect
with connect(EngineChoice.PRIVATE, on_message=lambda line: None) as engine:
    print(engine.client.info()["ID"], flush=True)
    sys.stdin.read()
"""


class Client:
    """One client of the private engine."""

    def __init__(self, wrapper: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-c", CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait_until_connected(self) -> str:
        """The engine's own id."""
        assert self.process.stdout is not None
        identifier = self.process.stdout.readline().strip()
        assert identifier, "the client could not connect"
        return identifier

    def leave(self) -> int:
        """Its exit status."""
        self.process.communicate(timeout=STOP_LIMIT_S)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def clients(number: int, wrapper: Sequence[str] = ()) -> Iterator[list[Client]]:
    started = [Client(wrapper) for _ in range(number)]
    try:
        yield started
    finally:
        for client in started:
            if client.process.returncode is None:
                client.kill()


@pytest.fixture(scope="module", autouse=True)
def state(engine: Engine) -> Iterator[Path]:  # noqa: ARG001 (it must not start in this directory)
    """A state directory of our own, with a short path; what the engine keeps is kept from test to test."""
    directory = Path(tempfile.mkdtemp(prefix="incp-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCEPTION_STATE_DIR", str(directory))
        yield directory
    shutil.rmtree(directory)


@pytest.fixture
def directory(state: Path) -> EngineDirectory:
    return EngineDirectory(state / "engine")


@pytest.fixture
def nothing_left(directory: EngineDirectory) -> Iterator[None]:
    """The host is as before, and of the engine's own directory there is nothing but what is kept."""
    before = steady_inventory(None)
    yield
    wait_for(lambda: not engine_is_there(directory), STOP_LIMIT_S, "the engine did not stop")
    difference = lasting_difference(before, None)
    assert not difference, "\n".join(difference)


def engine_is_there(directory: EngineDirectory) -> bool:
    return any(path.exists() for path in (*directory.transient, directory.host_changes))


def process_with(*words: str) -> int:
    """The one process whose command line has all these words."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_text().split("\0") if entry.name.isdecimal() else []
        except OSError:
            continue
        if set(words) <= set(line):
            found.append(int(entry.name))
    (process,) = found
    return process


@contextmanager
def private() -> Iterator[Engine]:
    with connect(EngineChoice.PRIVATE, on_message=lambda _line: None) as engine:
        yield engine


def run_in(engine: Engine, script: str, *, capabilities: tuple[str, ...] = ()) -> bytes:
    """What a bash script prints in a container of its own."""
    import_tiny_image(engine.client)
    container = engine.client.create_container(
        TINY_IMAGE,
        ["/bin/bash", "-c", script],
        host_config=engine.client.create_host_config(cap_add=list(capabilities)),
    )
    try:
        engine.client.start(container)
        status = engine.client.wait(container, timeout=START_LIMIT_S)["StatusCode"]
        output: bytes = engine.client.logs(container)
        assert status == 0, output
        return output
    finally:
        engine.client.remove_container(container, force=True, v=True)


def start_sleeper(engine: Engine, labels: dict[str, str] | None = None, seconds: float = 600) -> str:
    """A container that sleeps for a while, started; removed by its engine when it ends."""
    import_tiny_image(engine.client)
    container = engine.client.create_container(
        TINY_IMAGE,
        ["/bin/sleep", str(seconds)],
        labels=labels,
        host_config=engine.client.create_host_config(auto_remove=True),
    )
    engine.client.start(container)
    return str(container["Id"])


@contextmanager
def greeter() -> Iterator[int]:
    """The port of a server on all the host's addresses that greets whoever connects."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(GREETING)

    with socketserver.ThreadingTCPServer(("", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def addresses_of(link: str) -> list[str]:
    listing = json.loads(output("ip", "-json", "-4", "address", "show", "dev", link))
    return [one["local"] for one in listing[0]["addr_info"]]


def outward_link() -> str | None:
    routes = json.loads(output("ip", "-json", "-4", "route", "show", "default") or "[]")
    return routes[0]["dev"] if routes else None


def test_its_link_gets_no_ipv6_address(directory: EngineDirectory) -> None:
    with private():
        # The kernel gives a link its IPv6 address only when it has seen that nobody else has it.
        time.sleep(2)
        assert "inet6" not in output("ip", "address", "show", "dev", directory.tag)


def test_a_container_reaches_the_host(directory: EngineDirectory) -> None:
    with private() as engine, greeter() as port:
        assert (engine.private, engine.local) == (True, True)
        assert engine.endpoint == directory.address
        links = [directory.tag, *filter(None, (outward_link(),))]
        for address in (address for link in links for address in addresses_of(link)):
            script = f"exec 3<>/dev/tcp/{address}/{port}; cat <&3"
            assert run_in(engine, script, capabilities=("SYS_ADMIN", "NET_ADMIN")) == GREETING


def test_a_container_has_the_host_s_resolvers_and_packet_size() -> None:
    with private() as engine:
        resolvers = [line for line in Path("/etc/resolv.conf").read_text().splitlines() if "nameserver" in line]
        if not any("127." in line for line in resolvers):
            assert run_in(engine, "cat /etc/resolv.conf").decode().splitlines()[-len(resolvers) :] == resolvers
        assert int(run_in(engine, "cat /sys/class/net/eth0/mtu")) == read_mtu(Path("/proc/self"))


def test_its_daemons_use_the_upstreams_of_a_loopback_resolver(directory: EngineDirectory, tmp_path: Path) -> None:
    # A host with systemd-resolved, for whoever is in this mount namespace.
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    host = (
        "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/resolve && "
        'echo "nameserver 192.0.2.53" >/run/systemd/resolve/resolv.conf && '
        'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"'
    )
    with clients(1, wrapper=["unshare", "--mount", "sh", "-ec", host, "sh", str(tmp_path / "resolv.conf")]) as (
        client,
    ):
        client.wait_until_connected()
        dockerd = process_with("dockerd", str(directory.daemon_json))
        assert Path(f"/proc/{dockerd}/root/etc/resolv.conf").read_text() == "nameserver 192.0.2.53\n"
        assert client.leave() == 0


def test_its_data_is_kept_for_next_time(directory: EngineDirectory) -> None:
    with private() as engine:
        image = import_tiny_image(engine.client)
    assert not engine_is_there(directory)
    with private() as engine:
        assert engine.client.inspect_image(TINY_IMAGE)["Id"] == image


def test_auto_starts_a_private_engine_where_none_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(endpoint, "DEFAULT_ADDRESS", f"unix://{tmp_path}/docker.sock")
    lines: list[str] = []
    with connect(EngineChoice.AUTO, on_message=lines.append) as engine:
        assert engine.private
    assert lines[0] == f"no engine answers at unix://{tmp_path}/docker.sock: using a private one"


def test_auto_starts_no_private_engine_in_place_of_a_named_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, directory: EngineDirectory
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(EngineUnreachable), connect(EngineChoice.AUTO, on_message=print):
        pass
    assert not engine_is_there(directory)


def test_it_ends_with_a_client_that_is_killed(directory: EngineDirectory) -> None:
    with clients(1) as (client,):
        client.wait_until_connected()
        client.kill()
        wait_for(lambda: not engine_is_there(directory), STOP_LIMIT_S, "the engine outlived its only client")


def test_it_stays_until_the_last_client_has_left(directory: EngineDirectory) -> None:
    with clients(1) as (first,):
        identifier = first.wait_until_connected()
        with clients(1) as (second,):
            assert second.wait_until_connected() == identifier
            assert first.leave() == 0
            assert engine_is_there(directory)
            time.sleep(1)
            assert directory.ready.exists()
            assert second.leave() == 0
    assert not engine_is_there(directory)


def test_clients_that_start_at_the_same_instant_share_it() -> None:
    with clients(4) as started:
        assert len({client.wait_until_connected() for client in started}) == 1


@pytest.mark.parametrize("pause_s", [0, 0.2, 0.4])
def test_a_client_that_comes_while_it_stops_gets_one(pause_s: float) -> None:
    with clients(1) as (first,):
        first.wait_until_connected()
        first.kill()
        time.sleep(pause_s)
        with private() as engine:
            assert engine.client.ping()


def test_a_level_keeps_it_without_a_client(directory: EngineDirectory) -> None:
    with private() as engine:
        start_sleeper(engine, labels={LABEL_CHAIN: "dream"}, seconds=3)
    assert directory.ready.exists()
    time.sleep(1)
    assert directory.ready.exists()
    wait_for(lambda: not engine_is_there(directory), STOP_LIMIT_S, "the engine outlived its last level")


def test_a_level_that_was_never_started_does_not_stay(directory: EngineDirectory) -> None:
    with private() as engine:
        import_tiny_image(engine.client)
        engine.client.create_container(TINY_IMAGE, ["true"], labels={LABEL_CHAIN: "dream"})
    assert not engine_is_there(directory)
    with private() as engine:
        assert engine.client.containers(all=True) == []


def test_it_ends_when_its_supervisor_is_asked_to(directory: EngineDirectory) -> None:
    with clients(1) as (client,):
        client.wait_until_connected()
        os.kill(process_with("inception.engine.private.supervisor", str(directory.root)), signal.SIGTERM)
        wait_for(lambda: not engine_is_there(directory), STOP_LIMIT_S, "the engine outlived its supervisor")


@pytest.mark.parametrize("program", ["containerd", "dockerd"])
def test_it_ends_completely_when_a_daemon_is_killed(directory: EngineDirectory, program: str) -> None:
    with private() as engine:
        start_sleeper(engine)
        configuration = {"containerd": directory.containerd_toml, "dockerd": directory.daemon_json}[program]
        os.kill(process_with(program, str(configuration)), signal.SIGKILL)
        wait_for(lambda: not engine_is_there(directory), STOP_LIMIT_S, f"the engine outlived {program}")


@pytest.mark.parametrize("paused", [False, True])
def test_the_last_client_sweeps_up_after_a_supervisor_that_was_killed(
    directory: EngineDirectory, *, paused: bool
) -> None:
    with private() as engine:
        sleeper = start_sleeper(engine)
        if paused:
            engine.client.pause(sleeper)
        os.kill(process_with("inception.engine.private.supervisor", str(directory.root)), signal.SIGKILL)
    assert not engine_is_there(directory)


def test_the_next_client_sweeps_up_after_a_supervisor_that_was_killed(directory: EngineDirectory) -> None:
    with clients(1) as (client,):
        client.wait_until_connected()
        os.kill(process_with("inception.engine.private.supervisor", str(directory.root)), signal.SIGKILL)
        client.kill()
    assert engine_is_there(directory)
    with private() as engine:
        assert engine.client.ping()


def test_a_read_only_state_directory_fails_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_STATE_DIR", "/proc/nowhere")
    with pytest.raises(EngineError) as caught, private():
        pass
    assert str(caught.value) == (
        "cannot keep a private engine in /proc/nowhere/engine: No such file or directory: "
        "name another directory with INCEPTION_STATE_DIR"
    )


def test_a_full_disk_fails_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="incf-") as small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
        try:
            monkeypatch.setenv("INCEPTION_STATE_DIR", small)
            with pytest.raises(EngineError) as caught, private():
                pass
        finally:
            # The supervisor still has its log there for a moment.
            wait_for(lambda: subprocess.run(["umount", small], check=False).returncode == 0, STOP_LIMIT_S, "still busy")
    assert "no space left on device" in str(caught.value).lower()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_chain_whose_client_is_killed_takes_the_engine_with_it(
    engine: Engine, level_image: str, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    options = ["--engine", "private", "--image", level_image, "--depth", "2", "--json-events", str(events)]
    command = [INCEPTION, *options, "--", "sleep", "600"]
    with own_private_engine(engine, level_image) as directory:
        environment = {**os.environ, "INCEPTION_STATE_DIR": str(directory.root.parent)}
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment) as chain:
            wait_for(lambda: reached(events, level=2), CHAIN_LIMIT_S, "the bottom was never ready")
            time.sleep(0.5)
            chain.kill()
        wait_for(lambda: not engine_is_there(directory), UNWIND_LIMIT_S, "the engine outlived its chain")


def reached(events: Path, *, level: int) -> bool:
    """Whether that level is ready."""
    if not events.exists():
        return False
    whole = (line for line in events.read_text().splitlines(keepends=True) if line.endswith("\n"))
    return any((event.level, event.phase) == (level, Phase.READY) for event in map(Event.from_line, whole))
