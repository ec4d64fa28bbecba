"""TLS between two codecs in memory."""

from __future__ import annotations

import ssl

import pytest

from inception.chain.tls import TlsCodec


def context(protocol: int) -> ssl.SSLContext:
    """A context without certificates: what both ends say of an end is the same with them."""
    made = ssl.SSLContext(protocol)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("aNULL:@SECLEVEL=0")
    return made


def pair() -> tuple[TlsCodec, TlsCodec]:
    """A client and a server that have not spoken yet."""
    client = TlsCodec(context(ssl.PROTOCOL_TLS_CLIENT), server_hostname="engine")
    server = TlsCodec(context(ssl.PROTOCOL_TLS_SERVER), server_side=True)
    return client, server


def carry(source: TlsCodec, target: TlsCodec) -> None:
    if data := source.take_outgoing():
        target.feed(data)


def connected() -> tuple[TlsCodec, TlsCodec]:
    client, server = pair()
    while not (client.ready and server.ready):
        carry(client, server)
        carry(server, client)
    return client, server


def test_handshake_is_done_on_both_sides() -> None:
    client, server = connected()
    assert (client.take_plaintext(), server.take_plaintext()) == (b"", b"")
    assert not client.ended
    assert not server.ended


def test_plaintext_arrives_both_ways() -> None:
    client, server = connected()
    client.write(b"question")
    carry(client, server)
    server.write(b"answer")
    carry(server, client)
    assert (server.take_plaintext(), client.take_plaintext()) == (b"question", b"answer")
    assert client.take_plaintext() == b""


def test_plaintext_is_whole_however_the_records_are_cut() -> None:
    client, server = connected()
    sent = bytes(range(250)) * 400
    client.write(sent)
    records = client.take_outgoing()
    for start in range(0, len(records), 999):
        server.feed(records[start : start + 999])
    assert server.take_plaintext() == sent


def test_plaintext_that_comes_with_the_last_handshake_packet_is_seen() -> None:
    client, server = pair()
    carry(client, server)
    carry(server, client)
    carry(client, server)
    assert server.ready
    server.write(b"early")
    server.end()
    carry(server, client)  # The server's last handshake message, the data and the end in one.
    assert client.ready
    assert (client.take_plaintext(), client.ended) == (b"early", True)


def test_one_way_ends_while_the_other_goes_on() -> None:
    client, server = connected()
    client.write(b"all")
    client.end()
    carry(client, server)
    assert (server.take_plaintext(), server.ended) == (b"all", True)
    server.write(b"still here")
    carry(server, client)
    assert (client.take_plaintext(), client.ended) == (b"still here", False)
    server.end()
    carry(server, client)
    assert client.ended


def test_end_is_sent_though_nobody_has_taken_the_plaintext() -> None:
    client, server = connected()
    server.write(b"waits")
    carry(server, client)
    client.end()
    carry(client, server)
    assert server.ended
    assert client.take_plaintext() == b"waits"


def test_feeding_after_both_ends_says_nothing_more() -> None:
    client, server = connected()
    client.end()
    carry(client, server)
    server.end()
    carry(server, client)
    client.feed(b"")
    assert (client.take_plaintext(), client.ended) == (b"", True)


def test_end_of_the_transport_is_the_end() -> None:
    client, server = connected()
    server.write(b"cut")
    carry(server, client)
    client.feed(b"")
    assert (client.take_plaintext(), client.ended) == (b"cut", True)


def test_failed_handshake_leaves_an_alert_to_send() -> None:
    client, _ = pair()
    newer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    server = TlsCodec(newer, server_side=True)
    with pytest.raises(ssl.SSLError):
        carry(client, server)
    alert = server.take_outgoing()
    assert alert
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        client.feed(alert)


def test_transport_that_ends_during_the_handshake_is_an_error() -> None:
    client, _ = pair()
    with pytest.raises(ssl.SSLError):
        client.feed(b"")


def test_damaged_record_is_an_error_and_earlier_plaintext_is_kept() -> None:
    client, server = connected()
    server.write(b"good")
    carry(server, client)
    server.write(b"bad")
    damaged = bytearray(server.take_outgoing())
    damaged[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        client.feed(bytes(damaged))
    assert client.take_plaintext() == b"good"
