"""Inspection of levels, whatever their engines leave out of their answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from inception.chain.status import ChainState, ChainStatus, LevelState, LevelStatus
from inception.chain.watching import inspect
from inception.chain.watching.inspect import inspect_levels
from inception.plan.chain import LABEL_LEVEL
from tests.factories.plans import plan


class FakeClient:
    """An engine of API 1.52 or later, which leaves empty fields out."""

    def version(self) -> dict[str, str]:
        return {"Version": "29.0"}

    def containers(self) -> list[dict[str, Any]]:
        return [{"Names": ["/mine"]}, {"Names": ["/next"], "Labels": {LABEL_LEVEL: "2"}}]

    def inspect_container(self, _name: str) -> dict[str, Any]:
        return {"NetworkSettings": {"Networks": {"none": {}, "bridge": {"IPAddress": "172.17.0.2"}}}}

    def stats(self, _name: str, **_settings: object) -> dict[str, Any]:
        return {"memory_stats": {"usage": 7}}


@contextmanager
def _connected(*_arguments: object) -> Iterator[FakeClient]:
    yield FakeClient()


def test_empty_fields_that_an_engine_omits_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "level_client", _connected)
    chain = ChainStatus(
        plan=plan(1),
        state=ChainState.RUNNING,
        levels=(LevelStatus(number=1, state=LevelState.READY),),
    )
    (level,) = inspect_levels(chain)
    assert level.containers == ("mine",)
    assert level.address == "172.17.0.2"
    assert level.memory == 7
