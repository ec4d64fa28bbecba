from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain import resize
from inception.chain.status import save_plan
from inception.errors import ChainError
from inception.plan.chain import ChainPlan
from tests.factories.plans import FACTS, plan


@pytest.mark.parametrize(
    "change",
    [lambda it: resize.grow(it, 1, print), lambda it: resize.shrink(it, 1)],
    ids=["grow", "shrink"],
)
def test_chain_on_a_remote_engine_is_neither_grown_nor_shrunk(
    tmp_path: Path, change: Callable[[ChainPlan], ChainPlan]
) -> None:
    remote = replace(plan(2, replace(FACTS, run_root=str(tmp_path))), remote=True, endpoint="tcp://192.0.2.1:2376")
    Path(remote.paths.level(0)).mkdir(parents=True)
    save_plan(remote)
    before = Path(remote.paths.plan).read_text()
    with pytest.raises(ChainError, match=r"chain dream on tcp://192\.0\.2\.1:2376 cannot grow or shrink"):
        change(remote)
    assert Path(remote.paths.plan).read_text() == before
