"""A report in Chrome's trace-event format, which Perfetto and about:tracing open.

Each chain is a process. On its first track the levels' lives nest as the levels do, and each level has a track of its
own with its phases. Complete events ("X"), in microseconds; the names of tracks are metadata ("M").
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from inception.stress.record import ChainRecord, LevelRecord, Report

_MICRO = 1_000_000
_LIVES = 0
"""The track that the levels nest on; level k's own is k."""


def trace(report: Report) -> str:
    """The report's chains as a trace."""
    events = [event for process, chain in enumerate(report.chains, start=1) for event in _chain(process, chain)]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": _about(report)}) + "\n"


def _about(report: Report) -> dict[str, str]:
    return {"verdict": report.verdict.headline, "kernel": report.environment.kernel}


def _chain(process: int, chain: ChainRecord) -> Iterator[dict[str, Any]]:
    yield _named("process_name", process, _LIVES, f"chain {chain.name}")
    yield _named("thread_name", process, _LIVES, "levels")
    for level in chain.levels:
        yield _named("thread_name", process, level.number, f"level {level.number}")
        yield _complete((process, _LIVES), f"level {level.number}", "level", life(level))
        for span in level.spans:
            if span.seconds is not None:
                times = (span.begun_s, span.begun_s + span.seconds)
                yield _complete((process, level.number), span.phase, "phase", times)


def life(level: LevelRecord) -> tuple[float, float]:
    """From the level's creation until it was unwound, or until the last that is known of it."""
    return (
        min(span.begun_s for span in level.spans),
        max(span.begun_s + (span.seconds or 0.0) for span in level.spans),
    )


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
