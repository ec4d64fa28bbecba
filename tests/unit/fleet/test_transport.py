"""A report travels in lines of a log: whole, or not at all."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inception.fleet import transport
from inception.fleet.transport import from_lines, is_carrier, to_lines
from tests.factories.fleets import machine_report


@given(text=st.text(max_size=200))
def test_any_text_arrives(text: str) -> None:
    assert from_lines(to_lines(text)) == text


def test_report_arrives_among_other_lines_in_any_order_and_twice() -> None:
    text = "".join(machine_report(depth=32, noise=random.Random(1), cycles=3).to_json() for _ in range(3))  # noqa: S311
    lines = list(to_lines(text))
    assert len(lines) > 2
    assert max(map(len, lines)) < 16_000
    assert all(map(is_carrier, lines))
    assert from_lines(["inception: level 1 of 2 is ready", *reversed(lines), lines[0], ""]) == text


def test_part_of_a_report_is_none() -> None:
    lines = list(to_lines(str(list(range(20_000)))))
    assert len(lines) > 1
    assert from_lines(lines[:-1]) is None
    assert from_lines(["inception-report is a word of mine"]) is None
    assert from_lines([]) is None


@pytest.mark.parametrize(
    "piece", ["QUJD", "A", "=", "eNpLBAAAYgBi"], ids=["no zlib", "short", "padding", "another text"]
)
def test_damaged_report_is_refused(piece: str) -> None:
    (line,) = to_lines("a report")
    with pytest.raises(ValueError, match="damaged"):
        from_lines([f"{line.rpartition(' ')[0]} {piece}"])


def test_endless_report_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list(to_lines("0" * 10_000))
    monkeypatch.setattr(transport, "_MAX_BYTES", 9_999)
    with pytest.raises(ValueError, match="longer than"):
        from_lines(lines)
