"""What goes on between the start and the end of a command in a container."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Protocol

import docker

from inception.chain.interrupts import ENDING_SIGNALS
from inception.chain.session.connection import ExecConnection
from inception.chain.session.signals import SignalQueue
from inception.chain.session.streams import STDERR, STDOUT, BadFrame, Demultiplexer, Outlet, Streams
from inception.chain.session.terminal import RawTerminal, Size
from inception.engine.translate import translated
from inception.errors import EngineError, InceptionError, Interrupted

GRACE_S = 2.0
"""Seconds that the command has to end after a signal, before we leave it behind."""

_CHUNK = 64 * 1024
_HIGH_WATER_MARK = 256 * 1024
"""Bytes waiting to be written at which no more are taken from the engine."""
_RESIZE_RETRY_S = 0.05
_STATUS_POLL_S = 0.02
_STATUS_POLL_MAX_S = 0.5

# The engine makes each command the leader of its own process group, which is what a terminal would signal.
_KILL = 'kill -s "$1" -- "-$2" || kill -s "$1" "$2"'


class ExecHandle:
    """The command as the API knows it."""

    def __init__(self, client: docker.APIClient, container: str, exec_id: str) -> None:
        self._client = client
        self._container = container
        self._exec_id = exec_id

    def send_signal(self, number: signal.Signals, group: int) -> None:
        """Signal the process group `group`. Raises EngineError."""
        with translated("signalling the command"):
            kill = self._client.exec_create(
                self._container,
                ["/bin/sh", "-c", _KILL, "kill", number.name.removeprefix("SIG"), str(group)],
                stdout=False,
                stderr=False,
            )
            self._client.exec_start(kill["Id"], detach=True)

    def resize(self, size: Size) -> None:
        """Tell the command's terminal its size. Raises EngineError."""
        with translated("resizing the terminal"):
            self._client.exec_resize(self._exec_id, height=size.rows, width=size.columns)

    def status(self) -> int | None:
        """The exit status, or None while the command runs. Raises EngineError."""
        with translated("the session was lost"):
            state = self._client.exec_inspect(self._exec_id)
        return None if state["Running"] or state["ExitCode"] is None else int(state["ExitCode"])


class RequestSource(Protocol):
    """Somebody who may come while the command runs."""

    def fileno(self) -> int:
        """What is readable when they have come."""

    def answer(self) -> None:
        """See to them: the command waits, and the terminal is as the user left it."""


class Session:
    """Everything that goes on between the start and the end of a command."""

    def __init__(
        self,
        handle: ExecHandle,
        connection: ExecConnection,
        *,
        streams: Streams,
        signals: SignalQueue,
        terminal: RawTerminal | None,
        size: Size | None,
        requests: RequestSource | None = None,
    ) -> None:
        self._handle = handle
        self._connection = connection
        self._signals = signals
        self._terminal = terminal
        self._size = size
        self._requests = requests
        self._resize_at_s: float | None = None
        self._demultiplexer = Demultiplexer()
        self._stdin: int | None = streams.stdin
        self._outlets = {STDOUT: Outlet(streams.stdout), STDERR: Outlet(streams.stderr)}
        self._preamble: bytearray | None = bytearray()
        self._group: int | None = None
        self._output_ended = False
        self._reason: signal.Signals | None = None
        self._deadline_s: float | None = None

    def run(self) -> int:
        """Run until the command has ended and all of its output is written; returns its status."""
        while not self._output_ended or any(outlet.waiting for outlet in self._outlets.values()):
            self._step()
            if self._given_up():
                return 128 + signal.SIGPIPE
        # Its output may have ended before itself.
        pause_s = _STATUS_POLL_S
        while (status := self._handle.status()) is None:
            self._obey_signals(self._poll({}, pause_s))
            if self._given_up():
                return 128 + signal.SIGPIPE
            pause_s = min(2 * pause_s, _STATUS_POLL_MAX_S)
        return status

    def _step(self) -> None:
        """Wait until something can be done, and do it."""
        ready = self._poll(self._wanted(), self._time_left_s())
        self._obey_signals(ready)
        if self._resize_at_s is not None and time.monotonic() >= self._resize_at_s:
            self._resize()
        for outlet in self._outlets.values():
            if outlet.waiting and outlet.descriptor in ready:
                self._write(outlet)
        if self._connection.waiting and self._connection.fileno() in ready:
            self._send()
        if self._stdin is not None and self._stdin in ready and not self._connection.waiting:
            self._read_stdin(self._stdin)
        if self._requests is not None and self._requests.fileno() in ready:
            self._answer_request(self._requests)
        if self._takes_output() and (self._connection.readable or self._connection.fileno() in ready):
            self._receive()

    def _takes_output(self) -> bool:
        """Whether more output may come, and there is room for it."""
        return not self._output_ended and all(outlet.waiting <= _HIGH_WATER_MARK for outlet in self._outlets.values())

    def _wanted(self) -> dict[int, int]:
        """What to poll for."""
        wanted: dict[int, int] = {}
        if self._requests is not None:
            wanted[self._requests.fileno()] = select.POLLIN
        for outlet in self._outlets.values():
            if outlet.waiting:
                wanted[outlet.descriptor] = select.POLLOUT
        if not self._output_ended:
            mask = (select.POLLIN if self._takes_output() else 0) | (select.POLLOUT if self._connection.waiting else 0)
            if mask:  # An empty one would still report a hang-up, again and again.
                wanted[self._connection.fileno()] = mask
            # What is typed before the command runs would be echoed into its opening line. And what it will not take
            # stays where it is, for whoever reads after us.
            if self._stdin is not None and self._preamble is None and not self._connection.waiting:
                wanted[self._stdin] = wanted.get(self._stdin, 0) | select.POLLIN
        return wanted

    def _poll(self, wanted: Mapping[int, int], timeout_s: float | None) -> set[int]:
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        for descriptor, mask in wanted.items():
            poll.register(descriptor, mask)
        return {descriptor for descriptor, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)}

    def _time_left_s(self) -> float | None:
        if self._connection.readable and self._takes_output():
            return 0.0
        moments = [moment for moment in (self._deadline_s, self._resize_at_s) if moment is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _receive(self) -> None:
        try:
            data = self._connection.receive()
        except OSError:
            data = b""  # Whether the command has ended as well, its status tells.
        if data is None:
            return
        if not data:
            self._output_ended = True
            if self._preamble:
                self._begin(None, bytes(self._preamble))
            return
        for stream, part in self._parts(data):
            if stream == STDOUT and self._preamble is not None:
                self._open(part)
            else:
                self._outlets[stream].put(part)

    def _parts(self, data: bytes) -> Iterable[tuple[int, bytes]]:
        if self._terminal:
            return ((STDOUT, data),)
        try:
            return list(self._demultiplexer.feed(data))
        except BadFrame as error:
            raise EngineError(f"the engine's stream is broken: {error}") from error

    def _open(self, part: bytes) -> None:
        """Read the command's first line: its process id, or why the engine could not run it."""
        self._preamble = bytearray(self._preamble or b"") + part
        line, newline, rest = bytes(self._preamble).partition(b"\n")
        if newline and line.strip().isdigit():
            self._begin(int(line), rest)
        elif newline:
            self._begin(None, bytes(self._preamble))

    def _begin(self, group: int | None, output: bytes) -> None:
        self._group = group
        self._preamble = None
        self._outlets[STDERR if group is None else STDOUT].put(output)
        self._resize()
        if self._reason is not None:
            self._pass_on(self._reason)

    def _read_stdin(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._connection.put(data)
            return
        self._stdin = None
        if self._terminal:
            self._end_by(signal.SIGHUP)  # A terminal that is read raw ends by hanging up alone.
        else:
            self._send_end()

    def _send(self) -> None:
        try:
            self._connection.send_some()
        except OSError:
            self._stdin = None
            self._connection.drop()

    def _send_end(self) -> None:
        with suppress(OSError):  # The command has ended, and what it said is still to be read.
            self._connection.end()

    def _write(self, outlet: Outlet) -> None:
        try:
            outlet.write_some()
        except BlockingIOError:
            return
        except OSError as error:
            outlet.close()
            if self._terminal:
                self._end_by(signal.SIGHUP)
            self._end_by(signal.SIGPIPE)
            if not isinstance(error, BrokenPipeError):
                raise InceptionError(f"cannot write the command's output: {error.strerror}") from error

    def _answer_request(self, requests: RequestSource) -> None:
        if self._terminal:
            self._terminal.restore()
        try:
            requests.answer()
        finally:
            if self._terminal:
                self._terminal.make_raw()
        self._signals.take()  # Whoever answered the request saw to the signals meanwhile.
        self._resize()

    def _resize(self) -> None:
        """Have the far terminal follow ours in size."""
        self._resize_at_s = None
        size = self._terminal.size if self._terminal else None
        if size is None or size == self._size or self._group is None or self._output_ended:
            return
        try:
            self._handle.resize(size)
        except EngineError:
            self._resize_at_s = time.monotonic() + _RESIZE_RETRY_S
        else:
            self._size = size

    def _obey_signals(self, ready: set[int]) -> None:
        if self._signals.fileno() not in ready:
            return
        for number in self._signals.take():
            if number in ENDING_SIGNALS:
                self._end_by(number)
            elif self._terminal:
                if number == signal.SIGTSTP:
                    self._terminal.restore()
                    os.kill(os.getpid(), signal.SIGSTOP)
                if number != signal.SIGWINCH:
                    self._terminal.make_raw()  # Whoever continues us may have set it otherwise meanwhile.
                self._resize()

    def _end_by(self, number: signal.Signals) -> None:
        """Have the command end. Raises Interrupted where there is a terminal: it is the user's again, now."""
        self._reason = number
        if self._deadline_s is None:
            self._deadline_s = time.monotonic() + GRACE_S
        if self._terminal:
            self._terminal.restore()
            self._pass_on(signal.SIGHUP)
            raise Interrupted(number)
        self._pass_on(number)

    def _pass_on(self, number: signal.Signals) -> None:
        if self._group is not None:
            with suppress(EngineError):  # It may have ended meanwhile; if not, the deadline holds all the same.
                self._handle.send_signal(number, self._group)

    def _given_up(self) -> bool:
        """Whether nobody reads the command and its time to end is over. Raises Interrupted if a signal ends us."""
        if self._reason is None or self._deadline_s is None or time.monotonic() < self._deadline_s:
            return False
        if self._reason == signal.SIGPIPE:
            return True
        raise Interrupted(self._reason)
