"""Readers of what a level writes, fed with what a hostile one could write: each gives a value or refuses in its way.

`make fuzz` runs these for minutes. What it found stays here as an explicit example.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from inception.chain.session.preamble import Preamble
from inception.chain.session.streams import BadFrame, Demultiplexer
from inception.chain.status import read_events
from inception.chain.watching.event_follower import follow
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.protocol import ControlReply, ControlRequest
from tests.factories.plans import plan

EVENT = Event(time_s=1.0, monotonic_s=2.0, level=1, phase=Phase.READY, state=State.FAIL, message="m", log_tail=("l",))
REQUEST: dict[str, Any] = {"action": "descend", "level": 1, "by": 1}

numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 2**63, -1, 0, float("inf"), float("nan")])
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20))
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@st.composite
def nearly(draw: st.DrawFn, valid: str) -> str:
    """Return the JSON `valid` with values replaced, removed or added, cut or garbled."""
    value = json.loads(valid)
    for _ in range(draw(st.integers(0, 3))):
        place: Any = value
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
                place[key] = draw(json_values)
                break
            place = place[key]
    text = json.dumps(value)
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(text)))
        text = text[:cut] + draw(st.text(max_size=5)) + text[cut + draw(st.integers(0, 5)) :]
    return text


DEEP = "[" * 100_000


@given(nearly(EVENT.to_line()) | st.text() | json_values.map(json.dumps))
@example(DEEP)
@example('{"time_s":1' + "0" * 400 + ',"monotonic_s":1,"level":1,"phase":"ready","state":"end"}')
@example('{"time_s":1e999,"monotonic_s":NaN,"level":1,"phase":"ready","state":"end"}')
@example('{"time_s":1,"monotonic_s":1,"level":-1,"phase":"ready","state":"end"}')
def test_an_event_line_is_read_or_refused(line: str) -> None:
    try:
        event = Event.from_line(line)
    except ValueError:
        return
    assert Event.from_line(event.to_line()) == event
    assert event.level >= 0


@given(nearly(plan(2).to_json()) | json_values.map(json.dumps))
@example(DEEP)
def test_a_plan_is_read_or_refused(text: str) -> None:
    try:
        read = ChainPlan.from_json(text)
    except ValueError:
        return
    assert [level.number for level in read.levels] == list(range(1, read.depth + 1))
    assert "/" not in read.name


@given(nearly(json.dumps(REQUEST)).map(str.encode) | st.binary() | json_values.map(lambda it: json.dumps(it).encode()))
@example(DEEP.encode())
@example(b'{"action":"descend","level":1e999,"by":1}')
def test_a_control_request_is_read_or_refused(line: bytes) -> None:
    try:
        request = ControlRequest.from_line(line)
    except ValueError:
        return
    assert request.level >= 1
    assert request.by >= 1


@given(nearly('{"status": 3}').map(str.encode) | st.binary() | json_values.map(lambda it: json.dumps(it).encode()))
@example(DEEP.encode())
@example(b'{"status":Infinity}')
def test_a_control_reply_is_read_or_refused(line: bytes) -> None:
    try:
        ControlReply.from_line(line)
    except ValueError:
        return


lines = st.one_of(nearly(EVENT.to_line()).map(lambda it: it.encode("utf-8", "replace")), st.binary(max_size=50))


@given(st.lists(lines, max_size=8), st.binary(max_size=10))
@example([DEEP.encode()], b"")
def test_an_event_file_is_followed_and_read_to_its_end(content: list[bytes], rest: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join([*content, EVENT.to_line().encode(), rest]))
        file.flush()
        followed = list(follow(Path(file.name), stop=lambda: True, poll_s=0))
        assert any(event.message == "m" for event in followed)
        assert all(isinstance(event, Event) for event in read_events(Path(file.name)))


@given(st.lists(st.binary(max_size=40), max_size=10))
@example([b"1" * 5000 + b"\n"])
@example([b"1" * 70_000])
def test_the_first_line_of_a_session_is_read_or_shown(parts: list[bytes]) -> None:
    preamble = Preamble()
    started = [start for part in parts if not preamble.complete and (start := preamble.feed(part))]
    if (ended := preamble.end()) is not None:
        started.append(ended)
    assert len(started) <= 1


@given(st.binary(max_size=200), st.integers(1, 20))
def test_frames_are_taken_apart_or_refused(data: bytes, step: int) -> None:
    demultiplexer = Demultiplexer()
    try:
        for start in range(0, len(data), step):
            assert all(part for _, part in demultiplexer.feed(data[start : start + step]))
    except BadFrame:
        return
