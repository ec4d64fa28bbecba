from __future__ import annotations

import socket
import threading

import pytest

from inception.level.standalone.names import needs_forwarder, serve
from inception.plan.engine.settings import SettingsFile

_LOCAL = "127.0.0.1"
_USERS_NETWORK = "# made by Docker\nsearch example.com\nnameserver 127.0.0.11\noptions ndots:0\n"


@pytest.mark.parametrize(
    ("resolv_conf", "file", "arguments", "needed"),
    [
        (_USERS_NETWORK, "{}", (), True),
        (_USERS_NETWORK, "", ("--dns-search=example.com",), True),
        (_USERS_NETWORK, "{}", ("--dns=192.0.2.1",), False),
        (_USERS_NETWORK, "{}", ("--dns", "192.0.2.1"), False),
        (_USERS_NETWORK, '{"dns": ["192.0.2.1"]}', (), False),
        ("nameserver 192.0.2.1\n", "{}", (), False),
        ("nameserver\n", "{}", (), False),
    ],
)
def test_forwarder_is_needed_on_a_users_network_alone(
    resolv_conf: str, file: str, arguments: tuple[str, ...], needed: bool
) -> None:
    assert needs_forwarder(resolv_conf, [SettingsFile(source="d.json", text=file)], arguments) is needed


def test_queries_are_answered_by_upstream() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind((_LOCAL, 0))
        tcp.bind(udp.getsockname())
        tcp.listen()

        def answer() -> None:
            query, client = udp.recvfrom(512)
            udp.sendto(query.upper(), client)
            with tcp.accept()[0] as connection:
                connection.sendall(connection.recv(512).upper())

        threading.Thread(target=answer, daemon=True).start()
        with socket.socket(type=socket.SOCK_DGRAM) as free:
            free.bind((_LOCAL, 0))
            address = free.getsockname()
        serve(address, udp.getsockname())
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"query", address)
            assert client.recv(512) == b"QUERY"
        with socket.create_connection(address, 5) as stream:
            stream.sendall(b"long query")
            assert stream.recv(512) == b"LONG QUERY"
