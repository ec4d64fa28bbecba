from __future__ import annotations

from importlib.util import find_spec

import pytest

from inception.plan.protocol import Action, ControlReply, ControlRequest, Program


@pytest.mark.parametrize("program", Program)
def test_each_program_is_a_module(program: Program) -> None:
    assert find_spec(program) is not None


@pytest.mark.parametrize("action", Action)
def test_a_request_is_read_as_it_was_written(action: Action) -> None:
    request = ControlRequest(action=action, level=2, by=3)
    assert ControlRequest.from_line(request.to_line()) == request


@pytest.mark.parametrize("reply", [ControlReply(status=7), ControlReply(error="too deep: go less deep")])
def test_a_reply_is_read_as_it_was_written(reply: ControlReply) -> None:
    assert ControlReply.from_line(reply.to_line()) == reply


@pytest.mark.parametrize(
    "line", [b"", b"[]\n", b"{}\n", b'{"status": null}\n', b'{"status": "x"}\n', b'{"status": 1e999}\n', b"[" * 4096]
)
def test_a_line_that_is_no_reply_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of json's, int's or ours, with whatever text
        ControlReply.from_line(line)
