"""Reach an engine as the Docker CLI reaches ssh://: `ssh HOST docker system dial-stdio`, whose standard streams are it.

The Docker SDK has an adapter for that too, but needs paramiko for it, even to run the system's ssh, and gives no socket
that can be polled or that ends one way alone. With the system's ssh the user's configuration, keys and agent apply.
"""

from __future__ import annotations

import errno
import http.client
import shutil
import socket
import subprocess
import tempfile
import threading
from urllib.parse import unquote, urlsplit

import docker
import requests
import urllib3
from docker.transport.basehttpadapter import BaseHTTPAdapter

from inception.errors import EngineError
from inception.plan.light_dataclasses import dataclass

CONNECT_TIMEOUT_S = 30
"""Seconds for ssh to connect, and for the engine's first answer: as much as the Docker CLI gives it."""
# A master of others is used; but the end of one that we were would end the connections that share it.
_OPTIONS = ("-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}", "-o", "ControlMaster=no", "-T")
_SCHEME = "ssh://"
_END_TIMEOUT_S = 5
_BASE_URL = "tcp://ssh:80"
"""Any address that the SDK takes: the adapter alone knows the host."""
_IDLE_CONNECTIONS = 4


def is_ssh(address: str) -> bool:
    """Return whether `address` is an engine behind ssh."""
    return address.startswith(_SCHEME)


@dataclass(frozen=True, kw_only=True)
class SshTarget:
    """Host of an ssh:// address; `user` and `port` are None where ssh's configuration decides."""

    host: str
    user: str | None
    port: int | None

    @classmethod
    def parse(cls, address: str) -> SshTarget:
        """Return the target of `address`, with the host's letters as written: it may be an alias. Raises ValueError."""
        parts = urlsplit(address)
        user, _, host = parts.netloc.rpartition("@")
        if parts.port is not None:
            host = host.removesuffix(f":{parts.port}")
        host = host.removeprefix("[").removesuffix("]")
        if not host:
            raise ValueError(f"no host in {address!r}")
        return cls(host=host, user=unquote(user) or None, port=parts.port)

    @property
    def command(self) -> tuple[str, ...]:
        """Command whose standard streams are a connection to the engine."""
        user = () if self.user is None else ("-l", self.user)
        port = () if self.port is None else ("-p", str(self.port))
        dial = ("docker", "system", "dial-stdio")
        return ("ssh", *_OPTIONS, *user, *port, "--", self.host, *dial)


class SshStream:
    """A running ssh: `socket` is its standard input and output. Raises OSError if it cannot be started."""

    def __init__(self, target: SshTarget) -> None:
        self.socket, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            with theirs:
                # In a session of its own: Ctrl-C is for us, who unwind through this connection, and no prompt appears.
                self._process = subprocess.Popen(
                    target.command,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=self._errors,
                    start_new_session=True,
                )
        except BaseException:
            self.socket.close()
            self._errors.close()
            raise

    @property
    def ended(self) -> bool:
        """Whether ssh has ended."""
        return self._process.poll() is not None

    def reason(self) -> str:
        """Return the reason why the connection ended: the last line on ssh's standard error."""
        try:
            status = self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return "the connection was closed"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), f"ssh ended with status {status}")

    def close(self) -> None:
        """End ssh; what has not been sent is lost."""
        self.socket.close()
        self._process.terminate()
        self._process.wait()
        self._errors.close()


class SshAdapter(BaseHTTPAdapter):
    """Carries the requests of one client to an engine behind ssh, over connections that are used again."""

    def __init__(self, target: SshTarget) -> None:
        super().__init__()
        self._target = target
        self._pool = _Pool(self, maxsize=_IDLE_CONNECTIONS)
        self._streams: list[SshStream] = []
        self._lock = threading.Lock()

    def dial(self) -> SshStream:
        """Return a connection of its own, which the caller closes."""
        return SshStream(self._target)

    def dial_for_request(self) -> SshStream:
        """Return a connection that ends with this adapter, at the latest."""
        stream = self.dial()
        with self._lock:
            for ended in [it for it in self._streams if it.ended]:
                self._streams.remove(ended)
                ended.close()
            self._streams.append(stream)
        return stream

    def get_connection(self, _url: str | bytes, _proxies: object = None) -> urllib3.HTTPConnectionPool:
        """Return the pool of connections, the same for each address."""
        return self._pool

    def request_url(self, request: requests.PreparedRequest, _proxies: object) -> str:
        """Return the path alone: no proxy is between."""
        return request.path_url

    def close(self) -> None:
        """End all connections for requests."""
        super().close()
        self._pool.close()
        with self._lock:
            for stream in self._streams:
                stream.close()
            self._streams.clear()


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, adapter: SshAdapter, *, maxsize: int) -> None:
        super().__init__("ssh", maxsize=maxsize)
        self._adapter = adapter

    def _new_conn(self) -> _Connection:
        return _Connection(self._adapter)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, adapter: SshAdapter) -> None:
        super().__init__("ssh")
        self._adapter = adapter
        self._stream: SshStream | None = None

    def connect(self) -> None:
        self._stream = self._adapter.dial_for_request()
        self.sock = self._stream.socket

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override] # As in urllib3's own class.
        try:
            return super().getresponse()
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            why = self._stream.reason() if self._stream is not None else str(error)
            raise ConnectionError(errno.ECONNREFUSED, why) from error


def ssh_client(address: str, *, timeout_s: int, version: str) -> docker.APIClient:
    """Return a client of API `version` whose requests go to `address` through ssh, and may take `timeout_s` seconds.

    Raises EngineError without an ssh on PATH.
    """
    if shutil.which("ssh") is None:
        raise EngineError(f"ssh, through which {address} is reached, is not installed", remedy="install openssh-client")
    client = docker.APIClient(base_url=_BASE_URL, timeout=timeout_s, version=version)
    client.mount("http://", SshAdapter(SshTarget.parse(address)))
    return client
