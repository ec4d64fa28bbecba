"""Follow an event file while others write it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from inception.chain.watching.event_follower import follow
from inception.plan.events import Event, Phase, State

EVENTS = st.lists(
    st.builds(
        Event,
        time_s=st.floats(0, 2e9),
        monotonic_s=st.floats(0, 1e6),
        level=st.integers(1, 200),
        phase=st.sampled_from(Phase),
        state=st.sampled_from(State),
        message=st.none() | st.text(max_size=20),
    ),
    max_size=10,
)


def event(level: int) -> Event:
    return Event(time_s=1.0, monotonic_s=2.0, level=level, phase=Phase.IMAGE, state=State.BEGIN)


def line(level: int) -> bytes:
    return event(level).to_line().encode()


def while_following(path: Path, *steps: Callable[[], object]) -> list[Event]:
    """Return the events that `follow` yields if it calls one of the steps before each read."""
    waiting = list(steps)

    def stop() -> bool:
        if waiting:
            waiting.pop(0)()
        return not waiting

    return list(follow(path, stop=stop, poll_s=0))


def appending(path: Path, *parts: bytes) -> Iterable[Callable[[], object]]:
    def append(part: bytes) -> None:
        with path.open("ab") as file:
            file.write(part)

    return [partial(append, part) for part in parts]


@given(EVENTS, st.lists(st.integers(min_value=0), max_size=20))
def test_events_written_in_arbitrary_pieces_are_read_once_and_in_order(events: list[Event], places: list[int]) -> None:
    whole = "".join(event.to_line() for event in events).encode()
    edges = sorted({0, len(whole), *(place % (len(whole) + 1) for place in places)})
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "events.jsonl"
        parts = [whole[begin:end] for begin, end in pairwise(edges)]
        assert while_following(path, *appending(path, *parts)) == events


def test_file_may_be_created_later(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert while_following(path, lambda: None, *appending(path, line(1), line(2))) == [event(1), event(2)]


def test_missing_file_has_no_events(tmp_path: Path) -> None:
    assert while_following(tmp_path / "events.jsonl", lambda: None, lambda: None) == []


def test_incomplete_line_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = line(1) + line(2)
    assert while_following(path, *appending(path, whole[:10], whole[10:80], whole[80:])) == [event(1), event(2)]


def test_incomplete_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert while_following(path, *appending(path, line(1), line(2)[:-3])) == [event(1)]


def test_event_written_just_before_the_stop_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert while_following(path, *appending(path, line(1))) == [event(1)]


def test_removed_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("ab", buffering=0) as writer:
        seen = while_following(path, lambda: writer.write(line(1)), path.unlink, lambda: writer.write(line(2)))
    assert seen == [event(1), event(2)]


def test_truncated_file_is_read_from_its_start_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    cut = partial(path.write_bytes, b"")
    seen = while_following(path, *appending(path, line(1), line(2)[:-3]), cut, *appending(path, line(3)))
    assert [it.level for it in seen] == [1, 0, 3]
    assert (seen[1].state, seen[1].message) == (
        State.NOTE,
        "the event file was truncated: some events are missing",
    )


def test_invalid_line_becomes_a_note(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    broken = (b"not json\n", b"\xff\n", b"\n", b"[]\n", b'{"level": 1}\n')
    seen = while_following(path, *appending(path, line(1), *broken, line(2)))
    assert [it.level for it in seen] == [1, *[0] * len(broken), 2]
    assert {it.state for it in seen[1:-1]} == {State.NOTE}
