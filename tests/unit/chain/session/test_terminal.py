"""A terminal made raw and given back."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator

import pytest

from inception.chain.session.terminal import RawTerminal, Size


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a pseudo-terminal: ours, and that of what runs in it."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def resize(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def is_raw(descriptor: int) -> bool:
    return not termios.tcgetattr(descriptor)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)


def test_terminal_is_raw_inside_and_restored_after_an_error(terminal: tuple[int, int]) -> None:
    _, inner = terminal
    before = termios.tcgetattr(inner)
    with pytest.raises(AssertionError, match="on purpose"), RawTerminal(inner):
        raise AssertionError("on purpose" if is_raw(inner) else "not raw")
    assert termios.tcgetattr(inner) == before


def test_typed_ahead_input_is_kept(terminal: tuple[int, int]) -> None:
    outer, inner = terminal
    os.write(outer, b"typed ahead\n")
    with RawTerminal(inner):
        assert os.read(inner, 100) == b"typed ahead\n"


def test_terminal_that_has_hung_up_is_left_alone(terminal: tuple[int, int]) -> None:
    outer, inner = terminal
    with RawTerminal(inner):
        os.close(outer)


def test_size_is_that_of_the_window_or_none(terminal: tuple[int, int]) -> None:
    outer, inner = terminal
    screen = RawTerminal(inner)
    assert screen.size is None
    resize(outer, 30, 100)
    assert screen.size == Size(rows=30, columns=100)


def test_pipe_is_refused() -> None:
    ends = os.pipe()
    with pytest.raises(termios.error):
        RawTerminal(ends[0])
    for end in ends:
        os.close(end)
