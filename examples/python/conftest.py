"""A pytest fixture that gives a disposable engine: whatever tests do to it is gone with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inception import chain
from inception.chain.levels import Levels


@pytest.fixture(scope="session")
def disposable() -> Iterator[Levels]:
    """An engine of these tests' own, one level deep, as `disposable.bottom`."""
    with chain.descend(depth=1) as levels:
        yield levels
