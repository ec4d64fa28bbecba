"""A command's output on its way from the engine to our descriptors."""

from __future__ import annotations

from collections.abc import Iterable

from inception.chain.session.preamble import Preamble, Start
from inception.chain.session.streams import STDERR, STDOUT, BadFrame, Demultiplexer, Outlet, Streams
from inception.errors import EngineError

_HIGH_WATER_MARK = 256 * 1024
"""Bytes waiting to be written at which no more are taken from the engine."""


class Output:
    """Takes the engine's stream apart, removes the first line, and queues the rest.

    `framed` tells whether the engine frames it, as it does without a terminal; `ended` whether the stream has ended.
    """

    def __init__(self, streams: Streams, *, framed: bool) -> None:
        self._demultiplexer = Demultiplexer() if framed else None
        self._preamble = Preamble()
        self.outlets = {STDOUT: Outlet(streams.stdout), STDERR: Outlet(streams.stderr)}
        self.ended = False

    @property
    def started(self) -> bool:
        """Whether the command runs, or the engine has said why not."""
        return self._preamble.complete

    @property
    def waiting(self) -> bool:
        """Whether there is something to be written."""
        return any(outlet.waiting for outlet in self.outlets.values())

    @property
    def wants_more(self) -> bool:
        """Whether more may come, and there is room for it."""
        return not self.ended and all(outlet.waiting <= _HIGH_WATER_MARK for outlet in self.outlets.values())

    def feed(self, data: bytes) -> Start | None:
        """Take in what the engine has sent; return the command's start if it is in there. Raises EngineError."""
        start = None
        for stream, part in self._parts(data):
            if stream == STDERR or self._preamble.complete:
                self.outlets[stream].put(part)
            elif start := self._preamble.feed(part):
                self._put_rest(start)
        return start

    def end(self) -> None:
        """Take in the end of the engine's stream."""
        self.ended = True
        if start := self._preamble.end():
            self._put_rest(start)

    def _parts(self, data: bytes) -> Iterable[tuple[int, bytes]]:
        if self._demultiplexer is None:
            return ((STDOUT, data),)
        try:
            return list(self._demultiplexer.feed(data))
        except BadFrame as error:
            raise EngineError(f"the engine's stream is broken: {error}") from error

    def _put_rest(self, start: Start) -> None:
        self.outlets[STDERR if start.group is None else STDOUT].put(start.output)
