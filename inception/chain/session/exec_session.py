"""Run one exec session: copy stdin, stdout and stderr, forward signals, follow the window size."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from typing import Protocol

from inception.chain.interrupts import ENDING_SIGNALS
from inception.chain.session.connection import ExecConnection
from inception.chain.session.exec_handle import ExecHandle
from inception.chain.session.input import Input
from inception.chain.session.output import Output
from inception.chain.session.preamble import Start
from inception.chain.session.signals import SignalQueue
from inception.chain.session.streams import Outlet, Streams
from inception.chain.session.terminal import RawTerminal, Size
from inception.chain.session.termination import Termination
from inception.chain.session.window import WindowFollower
from inception.errors import EngineError, InceptionError, Interrupted

_STATUS_POLL_S = 0.02
_STATUS_POLL_MAX_S = 0.5


class RequestSource(Protocol):
    """A source of requests that may come while the command runs."""

    def fileno(self) -> int:
        """Return a descriptor that is readable when a request has come."""

    def answer(self) -> None:
        """Handle the request; the session is paused and the terminal is out of raw mode."""


class Session:
    """One run of the command behind `handle`, from its start to its end.

    `terminal` is the user's, in raw mode, or None; `size` is the one that the command's terminal begins with.
    """

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
        self._requests = requests
        self._input = Input(streams.stdin, connection)
        self._output = Output(streams, framed=terminal is None)
        self._window = WindowFollower(handle, terminal, size)
        self._termination = Termination()
        self._group: int | None = None

    def run(self) -> int:
        """Run until the command has ended and all of its output is written; return its exit status."""
        while not self._output.ended or self._output.waiting:
            self._step()
            if (status := self._termination.overdue_status()) is not None:
                return status
        return self._wait_for_status()

    def _wait_for_status(self) -> int:
        """Wait for the end of a command whose output has ended."""
        pause_s = _STATUS_POLL_S
        while (status := self._handle.status()) is None:
            self._obey_signals(_poll({self._signals.fileno(): select.POLLIN}, pause_s))
            if (status := self._termination.overdue_status()) is not None:
                return status
            pause_s = min(2 * pause_s, _STATUS_POLL_MAX_S)
        return status

    def _step(self) -> None:
        """Wait until something can be done, and do it."""
        ready = _poll(self._interests(), self._time_left_s())
        self._obey_signals(ready)
        self._window.follow_when_due()
        for outlet in self._output.outlets.values():
            if outlet.waiting and outlet.descriptor in ready:
                self._write(outlet)
        if self._connection.waiting and self._connection.fileno() in ready:
            self._input.send()
        if (stdin := self._input.wanted) is not None and stdin in ready:
            self._read(stdin)
        if self._requests is not None and self._requests.fileno() in ready:
            self._answer_request(self._requests)
        if self._output.wants_more and (self._connection.readable or self._connection.fileno() in ready):
            self._receive()

    def _interests(self) -> dict[int, int]:
        """Return what to poll for: an event mask for each descriptor."""
        masks = {self._signals.fileno(): select.POLLIN}
        if self._requests is not None:
            masks[self._requests.fileno()] = select.POLLIN
        for outlet in self._output.outlets.values():
            if outlet.waiting:
                masks[outlet.descriptor] = select.POLLOUT
        if not self._output.ended:
            mask = (select.POLLIN if self._output.wants_more else 0) | (
                select.POLLOUT if self._connection.waiting else 0
            )
            if mask:  # An empty one would still report a hang-up, again and again.
                masks[self._connection.fileno()] = mask
            # What is typed before the command runs would be echoed into its first line.
            if (stdin := self._input.wanted) is not None and self._output.started:
                masks[stdin] = masks.get(stdin, 0) | select.POLLIN
        return masks

    def _time_left_s(self) -> float | None:
        if self._connection.readable and self._output.wants_more:
            return 0.0
        moments = [moment for moment in (self._termination.deadline_s, self._window.retry_at_s) if moment is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _receive(self) -> None:
        try:
            data = self._connection.receive()
        except OSError:
            data = b""  # The command's status tells whether it has ended as well.
        if data == b"":
            self._output.end()
            self._window.stop()
        elif data and (start := self._output.feed(data)):
            self._begin(start)

    def _begin(self, start: Start) -> None:
        self._group = start.group
        if start.group is not None:
            self._window.start()
        if self._termination.reason is not None:
            self._send_signal(self._termination.reason)

    def _read(self, descriptor: int) -> None:
        if self._input.read(descriptor):
            return
        if self._terminal:
            self._terminate(signal.SIGHUP)  # A terminal that is read raw ends by hanging up alone.
        self._input.end()

    def _write(self, outlet: Outlet) -> None:
        try:
            outlet.write_some()
        except BlockingIOError:
            return
        except OSError as error:
            outlet.close()
            if self._terminal:
                self._terminate(signal.SIGHUP)
            self._terminate(signal.SIGPIPE)
            if not isinstance(error, BrokenPipeError):
                raise InceptionError(f"cannot write the command's output: {error.strerror}") from error

    def _answer_request(self, requests: RequestSource) -> None:
        with self._terminal.paused() if self._terminal else nullcontext():
            requests.answer()
        self._signals.take()  # They were for what answered the request, which has obeyed them.
        self._window.follow()

    def _obey_signals(self, ready: set[int]) -> None:
        if self._signals.fileno() not in ready:
            return
        for number in self._signals.take():
            if number in ENDING_SIGNALS:
                self._terminate(number)
            elif self._terminal:
                self._obey_terminal(number, self._terminal)

    def _obey_terminal(self, number: signal.Signals, terminal: RawTerminal) -> None:
        """Stop at SIGTSTP; be raw again after a stop; follow the window's size."""
        if number == signal.SIGTSTP:
            terminal.restore()
            os.kill(os.getpid(), signal.SIGSTOP)
        if number != signal.SIGWINCH:
            terminal.make_raw()  # The shell that continues us may have set it otherwise meanwhile.
        self._window.follow()

    def _terminate(self, reason: signal.Signals) -> None:
        """Ask the command to end. Raises Interrupted at a terminal, which is the user's again at once."""
        self._termination.request(reason)
        if self._terminal:
            self._terminal.restore()
            self._send_signal(signal.SIGHUP)
            raise Interrupted(reason)
        self._send_signal(reason)

    def _send_signal(self, number: signal.Signals) -> None:
        if self._group is not None:
            with suppress(EngineError):  # It may have ended meanwhile; if not, the deadline holds all the same.
                self._handle.send_signal(number, self._group)


def _poll(masks: Mapping[int, int], timeout_s: float | None) -> set[int]:
    """Return the descriptors of `masks` on which an event has come, within `timeout_s` seconds."""
    poll = select.poll()
    for descriptor, mask in masks.items():
        poll.register(descriptor, mask)
    return {descriptor for descriptor, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)}
