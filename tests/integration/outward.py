"""Registries and a proxy at level 0, for the tests of the ways outward."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_WR, create_connection, socket
from threading import Thread

from inception.chain.publishing.certificates import SERVER
from tests.integration.conftest import wait_for

LIMIT_S = 20
_PIECE = 1 << 16


@dataclass(frozen=True)
class Registry:
    """Debian's docker-registry on all addresses of this host; with a directory of certificates it speaks TLS."""

    port: int
    storage: Path
    certificates: Path | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it as a process of ours."""
        http: dict[str, object] = {"addr": f":{self.port}"}
        if self.certificates is not None:
            certificate, key = (str(self.certificates / name) for name in SERVER)
            http["tls"] = {"certificate": certificate, "key": key}
        self.storage.mkdir()
        file = self.storage / "config.yml"  # JSON is YAML, too.
        stored = {"filesystem": {"rootdirectory": str(self.storage)}}
        file.write_text(json.dumps({"version": "0.1", "storage": stored, "http": http}))
        with (
            (self.storage / "log").open("w") as log,
            subprocess.Popen(["docker-registry", "serve", file], stdout=log, stderr=log) as process,
        ):
            try:
                wait_for(self._answers, LIMIT_S, "the registry does not answer")
                yield
            finally:
                process.terminate()

    def _answers(self) -> bool:
        with suppress(OSError):
            create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def holds(self, repository: str) -> bool:
        """Return whether an image was pushed to `repository`."""
        return (self.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags").is_dir()


class Proxy:
    """An HTTP proxy on all addresses of this host, for those who know its user and password.

    It leads to the hosts in `routes` alone, which are ports of this host. `asked` has the host of each request.
    """

    def __init__(self, routes: Mapping[str, int], credentials: str) -> None:
        self.asked: list[str] = []
        self._routes = routes
        self._authorization = f"Basic {base64.b64encode(credentials.encode()).decode()}"

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run it in threads of this process; give its port."""
        with _Server(self) as server:
            Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            try:
                yield server.server_port
            finally:
                server.shutdown()

    def route(self, host: str, authorization: str | None) -> int | None:
        """Return the port that stands for `host`; None without one, or without the password."""
        self.asked.append(host)
        return self._routes.get(host) if authorization == self._authorization else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("", 0), _Handler)
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_CONNECT(self) -> None:
        """Pass a connection on, one way in a thread of its own."""
        if (port := self._route(self.path.partition(":")[0])) is None:
            return
        with create_connection(("127.0.0.1", port), LIMIT_S) as onward:
            self.send_response(200)
            self.end_headers()
            Thread(target=_copy, args=(self.connection, onward), daemon=True).start()
            _copy(onward, self.connection)
        self.close_connection = True

    def do_GET(self) -> None:
        """Pass a request on that names its whole URL."""
        host, _, path = self.path.removeprefix("http://").partition("/")
        if (port := self._route(host)) is None:
            return
        onward = HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        onward.request("GET", f"/{path}")
        answer = onward.getresponse()
        content = answer.read()
        onward.close()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _route(self, host: str) -> int | None:
        port = self.server.proxy.route(host, self.headers["Proxy-Authorization"])
        if port is None:
            self.send_error(403)
        return port

    def log_message(self, *_: object) -> None:
        """Say nothing: `asked` has it."""


def _copy(source: socket, target: socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(SHUT_WR)
