from __future__ import annotations

import pytest

from inception.plan.engine.versions import has_containerd_store, parse_engine_version


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Docker version 26.1.5+dfsg1, build a72d7cd\n", "26.1.5+dfsg1"),
        ("Docker version 28.5.2, build 89c5e8f\n", "28.5.2"),
        ("", ""),
    ],
)
def test_version_is_read_from_dockerds_answer(answer: str, version: str) -> None:
    assert parse_engine_version(answer) == version


@pytest.mark.parametrize(
    ("version", "has"),
    [("20.10.24+dfsg1", False), ("23.0.6", False), ("24.0.0", True), ("28.5.2+dfsg3", True), ("dev", True), ("", True)],
)
def test_engines_from_24_on_have_containerds_store(version: str, has: bool) -> None:
    assert has_containerd_store(version) is has
