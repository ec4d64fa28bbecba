"""A command's output, taken apart and queued."""

from __future__ import annotations

import struct

from inception.chain.session.output import _HIGH_WATER_MARK, Output
from inception.chain.session.preamble import Start
from inception.chain.session.streams import STDERR, STDOUT, Streams


def frame(payload: bytes, stream: int = STDOUT) -> bytes:
    return struct.pack(">B3xL", stream, len(payload)) + payload


def test_first_line_is_returned_and_the_rest_is_queued() -> None:
    output = Output(Streams(), framed=True)
    assert (output.feed(frame(b"warning\n", STDERR)), output.started) == (None, False)
    assert output.feed(frame(b"42\nout") + frame(b"more")) == Start(group=42, output=b"out")
    assert output.started
    assert (output.outlets[STDOUT].waiting, output.outlets[STDERR].waiting) == (7, 8)


def test_terminals_output_has_no_frames() -> None:
    output = Output(Streams(), framed=False)
    assert output.feed(b"42\r\nout") == Start(group=42, output=b"out")
    assert output.outlets[STDOUT].waiting == 3


def test_engines_reason_is_queued_for_standard_error() -> None:
    output = Output(Streams(), framed=True)
    output.feed(frame(b"no such"))
    output.end()
    assert (output.outlets[STDOUT].waiting, output.outlets[STDERR].waiting) == (0, 7)


def test_full_outlet_wants_no_more() -> None:
    output = Output(Streams(), framed=False)
    output.feed(b"42\n")
    before = output.wants_more
    output.feed(bytes(_HIGH_WATER_MARK + 1))
    assert (before, output.wants_more) == (True, False)


def test_ended_output_wants_no_more() -> None:
    output = Output(Streams(), framed=False)
    output.end()
    assert (output.wants_more, output.waiting) == (False, False)
