"""What Chrome's trace-event format asks of a trace, as far as ours use it.

"Trace Event Format", sections "JSON Object Format", "Complete Events" and "Metadata Events": complete events of one
track nest, as calls do. Perfetto drops an event that overlaps another only partly.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

_METADATA = {"process_name", "thread_name"}
_COMPLETE_FIELDS = {"name", "cat", "ph", "ts", "dur", "pid", "tid"}
_METADATA_FIELDS = {"name", "ph", "pid", "tid", "args"}


def check_trace(text: str) -> list[dict[str, Any]]:
    """Fail if `text` is not a trace by the format; returns its complete events."""
    trace = json.loads(text)
    assert set(trace) <= {"traceEvents", "displayTimeUnit", "otherData"}
    assert trace["displayTimeUnit"] in {"ms", "ns"}
    tracks: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    named = set()
    for event in trace["traceEvents"]:
        track = (event["pid"], event["tid"])
        assert all(type(it) is int for it in track), event
        if event["ph"] == "M":
            assert set(event) == _METADATA_FIELDS, event
            assert event["name"] in _METADATA, event
            assert event["args"]["name"], event
            named.add(track)
        else:
            assert event["ph"] == "X", event
            assert set(event) == _COMPLETE_FIELDS, event
            assert event["name"], event
            assert type(event["ts"]) is type(event["dur"]) is int, event
            assert event["ts"] >= 0, event
            assert event["dur"] >= 0, event
            tracks[track].append(event)
    assert set(tracks) <= named
    for events in tracks.values():
        _check_nesting(events)
    return [event for events in tracks.values() for event in events]


def _check_nesting(events: list[dict[str, Any]]) -> None:
    open_events: list[dict[str, Any]] = []
    for event in sorted(events, key=lambda it: (it["ts"], -it["dur"])):
        while open_events and _end(open_events[-1]) <= event["ts"]:
            open_events.pop()
        if open_events:
            assert _end(event) <= _end(open_events[-1]), (open_events[-1], event)
        open_events.append(event)


def _end(event: dict[str, Any]) -> int:
    end: int = event["ts"] + event["dur"]
    return end
