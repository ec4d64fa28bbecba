"""The engine's frames taken apart, and output written without waiting."""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inception.chain.session.streams import STDERR, STDOUT, BadFrame, Demultiplexer, Outlet

FRAMES = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=12)


def framed(stream: int, payload: bytes) -> bytes:
    return struct.pack(">B3xL", stream, len(payload)) + payload


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(edges)]


@given(FRAMES, st.lists(st.integers(min_value=0), max_size=30))
def test_streams_are_whole_however_the_bytes_are_cut(frames: list[tuple[int, bytes]], places: list[int]) -> None:
    demultiplexer = Demultiplexer()
    out = {STDOUT: b"", STDERR: b""}
    for part in cut(b"".join(framed(*frame) for frame in frames), places):
        for stream, payload in demultiplexer.feed(part):
            out[stream] += payload
    assert out[STDOUT] == b"".join(payload for stream, payload in frames if stream < 2)
    assert out[STDERR] == b"".join(payload for stream, payload in frames if stream >= 2)


def test_payload_is_returned_before_it_is_whole() -> None:
    assert list(Demultiplexer().feed(framed(2, b"abcdef")[:-4])) == [(STDERR, b"ab")]


def test_unknown_stream_number_is_an_error() -> None:
    with pytest.raises(BadFrame, match="stream number 72"):
        list(Demultiplexer().feed(b"HTTP/1.1 200 OK"))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


def test_writing_does_not_block_on_a_blocking_pipe(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sent = os.urandom(300_000)
    outlet = Outlet(writer)
    outlet.put(sent)
    received = b""
    while len(received) < len(sent):
        while outlet.waiting and writable(writer):
            outlet.write_some()
        received += os.read(reader, 50_000)
    assert received == sent
    assert os.get_blocking(writer)


def test_closed_outlet_discards_bytes_and_leaves_the_descriptor_open(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    outlet.put(b"waits")
    outlet.close()
    outlet.put(b"comes later")
    assert outlet.waiting == 0
    assert os.write(pipe[1], b"still open") == 10
