"""Standard input, copied from a pipe to a connection."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from inception.chain.session.connection import ExecConnection
from inception.chain.session.input import Input


@pytest.fixture
def engine() -> Iterator[tuple[ExecConnection, socket.socket]]:
    """A connection, and the engine's end of it."""
    ours, theirs = socket.socketpair()
    with closing(ExecConnection(ours)) as connection, theirs:
        yield connection, theirs


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


def test_input_is_read_again_only_after_it_is_sent(
    engine: tuple[ExecConnection, socket.socket], pipe: tuple[int, int]
) -> None:
    connection, theirs = engine
    reader, writer = pipe
    os.write(writer, b"typed")
    it = Input(reader, connection)
    wanted = [it.wanted]
    assert it.read(reader)
    wanted.append(it.wanted)
    it.send()
    wanted.append(it.wanted)
    assert wanted == [reader, None, reader]
    assert theirs.recv(100) == b"typed"
    os.close(writer)


def test_end_of_the_file_ends_the_commands_input(
    engine: tuple[ExecConnection, socket.socket], pipe: tuple[int, int]
) -> None:
    connection, theirs = engine
    reader, writer = pipe
    os.close(writer)
    it = Input(reader, connection)
    assert not it.read(reader)
    assert it.wanted is None
    it.end()
    assert theirs.recv(100) == b""


def test_input_of_a_command_that_is_gone_is_not_read(
    engine: tuple[ExecConnection, socket.socket], pipe: tuple[int, int]
) -> None:
    connection, theirs = engine
    reader, writer = pipe
    os.write(writer, b"typed")
    it = Input(reader, connection)
    it.read(reader)
    theirs.close()
    it.send()
    assert (it.wanted, connection.waiting) == (None, 0)
    it.end()
    os.close(writer)
