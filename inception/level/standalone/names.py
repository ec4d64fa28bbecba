"""Lets the containers inside use the resolver of a network that the user made.

On such a network Docker's resolver is 127.0.0.11, which exists in this container alone: dockerd leaves it out of the
resolv.conf of its own containers. A link-local address, which they reach, passes their queries on to it.

The forwarder listens at another port than 53, to which the rules below lead: a container inside may be published at
port 53 on all addresses, and dockerd's rules for that come after ours.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUDPServer
from threading import Thread
from typing import ClassVar

from inception.level.failure import PhaseError
from inception.plan.engine.settings import SettingsFile, named_settings

ADDRESS = "169.254.53.53"
"""On the loopback interface: a packet of any container below is routed here, and none from outside is."""
_UPSTREAM = "127.0.0.11"
_PORT = 53
_LISTENING_PORT = 65353
"""Above the ports that a kernel chooses by itself, those that `docker run -P` takes (ip_local_port_range)."""
_NAT = ("iptables", "--wait", "--table", "nat")
_TIMEOUT_S = 10.0
_LARGEST_MESSAGE = 65535
_RESOLV_CONF = Path("/etc/resolv.conf")


def needs_forwarder(resolv_conf: str, files: Iterable[SettingsFile], daemon_arguments: Iterable[str]) -> bool:
    """Return whether this container has Docker's resolver, and the user gives dockerd no other one.

    Raises ValueError for a file that is no JSON object.
    """
    servers = [line.split()[1:] for line in resolv_conf.splitlines() if line.startswith("nameserver")]
    given = {name for name, _ in named_settings(daemon_arguments)}.union(*(file.settings() for file in files))
    return [_UPSTREAM] in servers and "dns" not in given


def start_forwarder(files: Iterable[SettingsFile], daemon_arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Forward the names of the user's network, if this container is on one; return the arguments that dockerd needs.

    Raises PhaseError, OSError, and ValueError for a file that is no JSON object.
    """
    if not needs_forwarder(_RESOLV_CONF.read_text(), files, daemon_arguments):
        return ()
    # `replace` and `--check`, since another container may share this network, or this one be started again.
    _run("ip", "address", "replace", f"{ADDRESS}/32", "dev", "lo")
    for rule in _rules():
        if _failure((*_NAT, "--check", *rule)) is not None:
            _run(*_NAT, "--append", *rule)
    serve((ADDRESS, _LISTENING_PORT), (_UPSTREAM, _PORT))
    # An option, this one the default, replaces those of this container. With its `ndots:0` the resolver of a network
    # that is made inside would forward no name without a dot.
    return (f"--dns={ADDRESS}", "--dns-opt=attempts:2")


def _rules() -> Iterator[tuple[str, ...]]:
    """Yield the rules that lead queries to the forwarder: of containers, and of this network namespace itself."""
    for link in ("PREROUTING", "OUTPUT"):
        for protocol in ("udp", "tcp"):
            query = ("--destination", ADDRESS, "--protocol", protocol, "--dport", str(_PORT))
            yield (link, *query, "--jump", "DNAT", "--to-destination", f"{ADDRESS}:{_LISTENING_PORT}")


def _run(*command: str) -> None:
    if (failure := _failure(command)) is not None:
        raise PhaseError(f"{' '.join(command)}: {failure}")


def _failure(command: Sequence[str]) -> str | None:
    """Return what `command` says if it fails, on one line; None if it does not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else " ".join(done.stderr.split())


def serve(address: tuple[str, int], upstream: tuple[str, int]) -> None:
    """Answer DNS queries at `address`, by UDP and TCP, with the answers of `upstream`, until this process ends.

    Raises OSError.
    """
    udp = type("UDPForwarder", (_Datagram,), {"upstream": upstream})
    tcp = type("TCPForwarder", (_Stream,), {"upstream": upstream})
    for server in (ThreadingUDPServer(address, udp), _TCPServer(address, tcp)):
        server.daemon_threads = True
        Thread(target=server.serve_forever, name="names", daemon=True).start()


class _TCPServer(ThreadingTCPServer):
    allow_reuse_address = True


class _Datagram(BaseRequestHandler):
    """Forwards one query."""

    upstream: ClassVar[tuple[str, int]]

    def handle(self) -> None:
        query, server = self.request
        # A query without an answer is asked again by its resolver.
        with suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as forwarded:
            forwarded.settimeout(_TIMEOUT_S)
            forwarded.connect(self.upstream)
            forwarded.send(query)
            server.sendto(forwarded.recv(_LARGEST_MESSAGE), self.client_address)


class _Stream(BaseRequestHandler):
    """Forwards a connection, one way in a thread of its own."""

    upstream: ClassVar[tuple[str, int]]

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(self.upstream, _TIMEOUT_S) as forwarded:
            self.request.settimeout(_TIMEOUT_S)
            Thread(target=_copy, args=(self.request, forwarded), name="names", daemon=True).start()
            _copy(forwarded, self.request)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(_LARGEST_MESSAGE):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
