"""A pytest fixture that gives a disposable engine: whatever tests do to it is gone with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inception import Levels, descend


@pytest.fixture(scope="session")
def disposable() -> Iterator[Levels]:
    """Give an engine of these tests' own, one level deep, as `disposable.bottom`."""
    with descend(depth=1) as levels:
        yield levels
