"""The window of a command's terminal, resized after that of the user's."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import time
from collections.abc import Iterator

import pytest

from inception.chain.session import window as module
from inception.chain.session.terminal import RawTerminal, Size
from inception.chain.session.window import WindowFollower
from inception.errors import EngineError

BEFORE = Size(rows=24, columns=80)
LARGER = Size(rows=40, columns=120)


class Command:
    """A command that notes the sizes it gets, and refuses the first `refusals`."""

    def __init__(self, refusals: int = 0) -> None:
        self.sizes: list[Size] = []
        self._refusals = refusals

    def resize(self, size: Size) -> None:
        if self._refusals:
            self._refusals -= 1
            raise EngineError("no such exec")
        self.sizes.append(size)


class UserTerminal:
    """A terminal whose window a test resizes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.raw = RawTerminal(descriptor)

    def resize(self, size: Size) -> None:
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))


@pytest.fixture
def terminal() -> Iterator[UserTerminal]:
    ends = pty.openpty()
    terminal = UserTerminal(ends[1])
    terminal.resize(BEFORE)
    yield terminal
    for end in ends:
        os.close(end)


def test_window_of_the_same_size_is_left_alone(terminal: UserTerminal) -> None:
    command = Command()
    follower = WindowFollower(command, terminal.raw, BEFORE)
    follower.start()
    assert command.sizes == []


def test_change_before_the_command_runs_is_followed_when_it_does(terminal: UserTerminal) -> None:
    command = Command()
    follower = WindowFollower(command, terminal.raw, BEFORE)
    terminal.resize(LARGER)
    follower.follow()
    assert command.sizes == []
    follower.start()
    follower.follow()
    assert command.sizes == [LARGER]


def test_refused_change_is_tried_again_after_a_pause(terminal: UserTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RESIZE_RETRY_S", 0.02)
    command = Command(refusals=1)
    follower = WindowFollower(command, terminal.raw, BEFORE)
    terminal.resize(LARGER)
    follower.start()
    assert follower.retry_at_s is not None
    assert command.sizes == []
    time.sleep(0.03)
    follower.follow_when_due()
    assert command.sizes == [LARGER]


def test_stopped_follower_tries_nothing_again(terminal: UserTerminal) -> None:
    command = Command(refusals=1)
    follower = WindowFollower(command, terminal.raw, BEFORE)
    terminal.resize(LARGER)
    follower.start()
    follower.stop()
    follower.follow()
    assert (command.sizes, follower.retry_at_s) == ([], None)


def test_command_without_a_terminal_is_not_resized() -> None:
    command = Command()
    WindowFollower(command, None, None).start()
    assert command.sizes == []
