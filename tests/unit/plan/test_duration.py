from __future__ import annotations

import pytest

from inception.plan.formats.duration import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("90", 90), ("45m", 2700), ("2h", 7200), ("1d12h", 129_600), ("1.5h", 5400), (" 2H ", 7200)],
)
def test_durations_are_parsed(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "2 hours", "-2h", "0s", "1h30", "nan", "2w"])
def test_a_wrong_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (positive )?duration") as error:
        parse_duration(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59.9, "59s"), (61, "1m1s"), (3600, "1h"), (90_061, "1d1h"), (86_400, "1d")]
)
def test_durations_are_shown(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text
