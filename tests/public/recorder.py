"""Record the outcome of each phase of each test: a plugin of pytest, which runs beside the suite in a container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

OUTCOMES = Path("/outcomes.jsonl")
UNKNOWN = Path("/unknown.json")
LEFT_OUT = Path("/left-out.json")
_WHY_LENGTH = 300


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:  # noqa: ANN401 pytest is the suite's own
    """Leave out what LEFT_OUT names, one test, class or file a line, and write down what names no test."""
    names = json.loads(LEFT_OUT.read_text())
    dropped = {name: [item for item in items if _is_named(item.nodeid, name)] for name in names}
    UNKNOWN.write_text(json.dumps([name for name, found in dropped.items() if not found]))
    gone = {id(item) for found in dropped.values() for item in found}
    config.hook.pytest_deselected(items=[item for item in items if id(item) in gone])
    items[:] = [item for item in items if id(item) not in gone]


def _is_named(test: str, name: str) -> bool:
    return test == name or test.startswith((f"{name}::", f"{name}["))


def pytest_runtest_logreport(report: Any) -> None:  # noqa: ANN401 pytest is the suite's own
    """Append one line for a phase of a test."""
    said = str(report.longrepr or "").strip().splitlines()
    phase = {
        "test": report.nodeid,
        "when": report.when,
        "outcome": report.outcome,
        "expected": hasattr(report, "wasxfail"),
        "why": said[-1][-_WHY_LENGTH:] if said else "",
    }
    with OUTCOMES.open("a") as file:
        file.write(json.dumps(phase) + "\n")
