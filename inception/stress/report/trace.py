"""A report in Chrome's trace-event format, which Perfetto and about:tracing open.

Each chain is a process. On its first track the levels nest. The client and each level have a track with their phases
one after the other: a level is created and started on the track of the one above. Events are complete ("X"), in
microseconds, and nest on each track as both viewers require; the names of tracks are metadata ("M").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from inception.plan.events import Phase
from inception.stress.report.record import ChainRecord, LevelRecord, Report, Span

_MICRO = 1_000_000
_LIVES = 0
"""Number of the track on which the levels nest."""
_CLIENT = 1
"""Number of the client's track. The client is level 0; the track of level k is k further on."""
_BY_THE_LEVEL_ABOVE = frozenset({Phase.CREATE, Phase.START})


def trace(report: Report) -> str:
    """Return the chains of `report` as a trace."""
    events = [event for process, chain in enumerate(report.chains, start=1) for event in _chain(process, chain)]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": _about(report)}) + "\n"


def _about(report: Report) -> dict[str, str]:
    return {"verdict": report.verdict.headline, "kernel": report.environment.kernel}


def _chain(process: int, chain: ChainRecord) -> Iterator[dict[str, Any]]:
    yield _named("process_name", process, _LIVES, f"chain {chain.name}")
    yield _named("thread_name", process, _LIVES, "levels")
    yield _named("thread_name", process, _CLIENT, "client")
    for level in chain.levels:
        yield _named("thread_name", process, _CLIENT + level.number, f"level {level.number}")
        for span in level.spans:
            yield from _span(process, level.number, span)
    for number, times in lives(chain.levels):
        yield _complete((process, _LIVES), f"level {number}", "level", times)


def _span(process: int, number: int, span: Span) -> Iterator[dict[str, Any]]:
    if span.seconds is not None:
        above = span.phase in _BY_THE_LEVEL_ABOVE
        track, name = (number - 1, f"{span.phase} level {number}") if above else (number, span.phase)
        times = (span.begun_s, span.begun_s + span.seconds)
        yield _complete((process, _CLIENT + track), name, "phase", times)


def lives(levels: Sequence[LevelRecord]) -> list[tuple[int, tuple[float, float]]]:
    """Return the number of each of `levels`, and its begin and end in seconds.

    A level that was killed writes no event of its end: it ends with the levels below it.
    """
    lives: list[tuple[int, tuple[float, float]]] = []
    longest = 0.0
    for level in reversed(levels):
        longest = max(longest, *(span.begun_s + (span.seconds or 0.0) for span in level.spans))
        lives.append((level.number, (min(span.begun_s for span in level.spans), longest)))
    return lives[::-1]


def _named(kind: str, process: int, track: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": process, "tid": track, "args": {"name": name}}


def _complete(track: tuple[int, int], name: str, kind: str, times: tuple[float, float]) -> dict[str, Any]:
    begun, ended = (round(it * _MICRO) for it in times)
    return {
        "name": name,
        "cat": kind,
        "ph": "X",
        "ts": begun,
        "dur": ended - begun,
        "pid": track[0],
        "tid": track[1],
    }
