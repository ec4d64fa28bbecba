"""Level-0 engines that are reached through another program: the facts must be those of the engine that answers."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from inception.api import descend
from inception.engine.client import open_client
from inception.engine.connect import Engine
from inception.places import run_root
from inception.probe import daemon
from inception.probe.daemon import find_daemon
from inception.probe.facts import read_facts

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]


class ForwardingServer(socketserver.ThreadingUnixStreamServer):
    """Forwards connections to another unix socket, as `ssh -L` and Docker Desktop do."""

    daemon_threads = True

    def __init__(self, path: Path, target: str) -> None:
        self.target = target
        super().__init__(str(path), Forwarding)


class Forwarding(socketserver.BaseRequestHandler):
    server: ForwardingServer

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as far:
            far.connect(self.server.target)
            outward = threading.Thread(target=copy, args=(self.request, far), daemon=True)
            outward.start()
            copy(far, self.request)
            outward.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def forwarding(directory: Path, target: str) -> Iterator[str]:
    """Give the address of a socket that leads to the one at the address `target`."""
    path = directory / "forward.sock"
    path.unlink(missing_ok=True)
    with ForwardingServer(path, target.removeprefix("unix://")) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()


def test_facts_behind_a_forwarding_socket_are_those_of_the_engine_there(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a host with a native engine beside Docker Desktop.
    (tmp_path / "docker.pid").write_text(str(find_daemon(engine.endpoint, engine.client.info())))
    monkeypatch.setattr(daemon, "_PID_FILES", (tmp_path / "docker.pid",))
    with (
        descend(depth=1, name="behind") as levels,
        forwarding(tmp_path, levels.address(1)) as address,
        closing(open_client(address)) as client,
    ):
        facts = read_facts(client, endpoint=address, local=True, image_id="", run_root=str(run_root()))
        assert facts.engine.name == "behind-1"
        assert set(facts.engine.networks) <= set(facts.host.routes)
        assert find_daemon(address, client.info()) == find_daemon(levels.address(1), client.info())
    with forwarding(tmp_path, engine.endpoint) as address:
        info = engine.client.info()
        assert find_daemon(address, info) == find_daemon(engine.endpoint, info)
        # The process of an engine in a virtual machine cannot be seen from here.
        assert find_daemon(address, {**info, "KernelVersion": "6.8.0-vm"}) is None
