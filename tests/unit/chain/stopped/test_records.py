"""Records of stopped chains: whose they are, and how the chains are found by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.endpoint_proof import check_endpoint
from inception.chain.run_directory import make_run_directory
from inception.chain.status import ChainState, find_chain, list_chains
from inception.chain.stopped.records import record_of, remove_record, stopped_names, stopped_plan, write_record
from inception.chain.stopped.stopping import require_stopped
from inception.errors import ChainError, EngineError
from inception.plan.chain import ChainPlan
from tests.factories import plans


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ChainPlan:
    """Give the plan of a chain of a run root and a state directory in `tmp_path`."""
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path / "runs"))
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path / "state"))
    return plans.plan(2, replace(plans.FACTS, run_root=str(tmp_path / "runs")), attached=False)


def test_a_stopped_chain_is_listed_and_only_found_by_those_who_ask_for_it(plan: ChainPlan) -> None:
    assert list_chains() == []
    write_record(plan)
    assert [(it.name, it.state) for it in list_chains()] == [("dream", ChainState.STOPPED)]
    assert find_chain(also_stopped=True).plan == require_stopped(None) == plan
    with pytest.raises(ChainError, match="chain dream is stopped: start it with: inception start dream"):
        find_chain("dream")
    with pytest.raises(ChainError, match="there is no chain"):
        find_chain()
    remove_record("dream")
    assert stopped_names() == []


def test_a_record_is_this_users_alone_and_of_one_run_root(plan: ChainPlan, tmp_path: Path) -> None:
    write_record(plan)
    assert record_of("dream").stat().st_mode & 0o077 == 0
    assert record_of("dream").parent.stat().st_mode & 0o077 == 0
    assert [it.name for it in record_of("dream").parent.iterdir()] == ["stopped-dream.json"]
    assert stopped_names(tmp_path / "other") == []
    record_of("dream").write_text("{")
    assert stopped_plan("dream") is None


def test_the_name_of_a_stopped_chain_is_taken_but_for_its_own_start(plan: ChainPlan) -> None:
    write_record(plan)
    with pytest.raises(ChainError, match="a chain named dream is stopped: choose another --name"):
        make_run_directory(plan)
    make_run_directory(replace(plan, data_volume="data"))
    # It is being started: a client sees it as it is in the run root.
    assert [it.state for it in list_chains()] != [ChainState.STOPPED]
    with pytest.raises(ChainError, match="chain dream is not stopped, but "):
        require_stopped("dream")


def test_the_engine_that_a_chain_was_stopped_on_is_believed(plan: ChainPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its proof ended with the run directory. No level can write the record."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    plan, other = (replace(plan, endpoint=f"unix:///{name}.sock") for name in ("one", "other"))
    with pytest.raises(EngineError, match="nothing proves that you chose it"):
        check_endpoint(plan)
    write_record(plan)
    check_endpoint(plan)
    with pytest.raises(EngineError, match="nothing proves that you chose it"):
        check_endpoint(other)
