"""Sessions whose engine is played by a thread."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from inception.chain.interrupts import ENDING_SIGNALS
from inception.chain.session import output, termination
from inception.chain.session.connection import ExecConnection
from inception.chain.session.exec_session import Session
from inception.chain.session.signals import catch_signals
from inception.chain.session.streams import STDOUT, Streams
from inception.chain.session.terminal import Size
from inception.errors import EngineError, Interrupted


class ExecHandle:
    """A command that has one of `statuses` after the other."""

    def __init__(self, *statuses: int | None) -> None:
        self._statuses = list(statuses)
        self.signals: list[tuple[signal.Signals, int]] = []

    def send_signal(self, number: signal.Signals, group: int) -> None:
        self.signals.append((number, group))

    def resize(self, size: Size) -> None:
        raise AssertionError(f"there is no terminal to be made {size}")

    def status(self) -> int | None:
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]


def frame(payload: bytes, stream: int = 1) -> bytes:
    return struct.pack(">B3xL", stream, len(payload)) + payload


PIPE = tuple[int, int]


@pytest.fixture
def pipes() -> Iterator[Callable[[], PIPE]]:
    """Makes pipes that are closed in the end."""
    made: list[int] = []

    def make() -> PIPE:
        ends = os.pipe()
        made.extend(ends)
        return ends

    yield make
    for descriptor in made:
        with suppress(OSError):
            os.close(descriptor)


@contextmanager
def session(handle: ExecHandle, streams: Streams, behave: Callable[[socket.socket], None]) -> Iterator[Session]:
    """A session whose engine does as `behave` says, in a thread."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(OSError):
            behave(theirs)

    thread = threading.Thread(target=serve)
    with closing(ExecConnection(ours)) as connection, catch_signals(ENDING_SIGNALS) as signals:
        thread.start()
        yield Session(handle, connection, streams=streams, signals=signals, terminal=None, size=None)  # type: ignore[arg-type]
    thread.join(10)


def test_first_line_of_output_is_removed(pipes: Callable[[], PIPE]) -> None:
    stdin, stdout, stderr = pipes(), pipes(), pipes()

    def behave(engine: socket.socket) -> None:
        for part in (frame(b"4"), frame(b"2\nou")[:10], frame(b"2\nou")[10:], frame(b"t\n"), frame(b"err\n", 2)):
            engine.sendall(part)
            time.sleep(0.01)

    with session(ExecHandle(5), Streams(stdin=stdin[0], stdout=stdout[1], stderr=stderr[1]), behave) as it:
        assert it.run() == 5
    assert os.read(stdout[0], 100) == b"out\n"
    assert os.read(stderr[0], 100) == b"err\n"


@pytest.mark.parametrize("said", [b"OCI runtime exec failed: no such thing\r\n", b"cut off"])
def test_engines_reason_in_place_of_the_first_line_goes_to_stderr(pipes: Callable[[], PIPE], said: bytes) -> None:
    stdin, stdout, stderr = pipes(), pipes(), pipes()
    streams = Streams(stdin=stdin[0], stdout=stdout[1], stderr=stderr[1])
    with session(ExecHandle(126), streams, lambda engine: engine.sendall(frame(said))) as it:
        assert it.run() == 126
    assert os.read(stderr[0], 100) == said


def test_stdin_is_not_read_before_the_command_runs(pipes: Callable[[], PIPE]) -> None:
    stdin, stdout = pipes(), pipes()
    os.write(stdin[1], b"for the next program")
    with session(ExecHandle(0), Streams(stdin=stdin[0], stdout=stdout[1], stderr=stdout[1]), lambda _: None) as it:
        it.run()
    assert os.read(stdin[0], 100) == b"for the next program"


def test_output_that_nobody_reads_is_not_taken_from_the_engine(pipes: Callable[[], PIPE]) -> None:
    stdout = pipes()
    stop = threading.Event()

    def behave(engine: socket.socket) -> None:
        engine.sendall(frame(b"42\n"))
        engine.setblocking(False)
        while not stop.is_set():
            with suppress(BlockingIOError):
                engine.recv(65536)
            with suppress(BlockingIOError):
                engine.send(bytes(8 * 1000))  # empty frames are frames too
                engine.send(frame(bytes(30_000)))

    zeros = os.open("/dev/zero", os.O_RDONLY)
    with session(ExecHandle(0), Streams(stdin=zeros, stdout=stdout[1], stderr=stdout[1]), behave) as it:
        for _ in range(2000):
            it._step()
        waiting = it._output.outlets[STDOUT].waiting
        stop.set()
    os.close(zeros)
    assert waiting < 2 * output._HIGH_WATER_MARK


def test_session_waits_for_a_command_whose_output_has_ended(pipes: Callable[[], PIPE]) -> None:
    stdin, stdout = pipes(), pipes()
    handle = ExecHandle(None, None, 9)
    with session(handle, Streams(stdin=stdin[0], stdout=stdout[1]), lambda it: it.sendall(frame(b"42\n"))) as it:
        assert it.run() == 9


def test_signal_before_the_command_runs_is_forwarded_when_it_does(pipes: Callable[[], PIPE]) -> None:
    stdin, stdout = pipes(), pipes()
    handle = ExecHandle(143)

    def behave(engine: socket.socket) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)
        engine.sendall(frame(b"42\n"))

    with session(handle, Streams(stdin=stdin[0], stdout=stdout[1]), behave) as it:
        assert it.run() == 143
    assert handle.signals == [(signal.SIGTERM, 42)]


def test_command_whose_output_has_ended_is_left_behind_after_a_signal(
    pipes: Callable[[], PIPE], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(termination, "GRACE_S", 0.1)
    stdin, stdout = pipes(), pipes()

    def behave(engine: socket.socket) -> None:
        engine.sendall(frame(b"42\n"))
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    streams = Streams(stdin=stdin[0], stdout=stdout[1])
    with session(ExecHandle(None), streams, behave) as it, pytest.raises(Interrupted) as raised:
        it.run()
    assert raised.value.exit_code == 128 + signal.SIGTERM


def test_stream_without_frames_is_an_error(pipes: Callable[[], PIPE]) -> None:
    stdin, stdout = pipes(), pipes()
    streams = Streams(stdin=stdin[0], stdout=stdout[1])
    with (
        session(ExecHandle(0), streams, lambda engine: engine.sendall(b"HTTP/1.1 ")) as it,
        pytest.raises(EngineError, match="the engine's stream is broken"),
    ):
        it.run()
