"""Which chains can be stopped, and what keeps their data at level 0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import docker
import pytest

from inception.chain.status import ChainState, ChainStatus
from inception.chain.stopped import stopping
from inception.chain.stopped.records import record_of, stopped_names, stopped_plan
from inception.chain.stopped.stopping import create_restored, release, stop
from inception.chain.teardown import remove_data_volume
from inception.errors import ChainError
from inception.plan.chain import LABEL_CHAIN, LABEL_KEPT, LABEL_STOPPED, ChainPlan
from inception.plan.protocol import Variable
from inception.plan.request import Storage
from tests.factories import plans


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ChainPlan:
    """Give the plan of a detached chain with its run directory, of a run root and a state directory in `tmp_path`."""
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path / "runs"))
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path / "state"))
    made = plans.plan(2, replace(plans.FACTS, run_root=str(tmp_path / "runs")), attached=False)
    Path(made.run_directory).mkdir(parents=True)
    return made


def _engine(plan: ChainPlan, labels: dict[str, str] | None = None) -> Mock:
    level_1: dict[str, object] = {
        "Id": "1",
        "Image": "sha256:i",
        "Config": {"Env": [f"{Variable.PLAN}={plan.paths.plan}"]},
        "Mounts": [
            {"Type": "volume", "Name": "seed", "Destination": "/seed"},
            {"Type": "volume", "Name": "data", "Destination": "/var/lib/docker"},
        ],
    }
    kept: dict[str, object] = {"Id": "2", "Image": "sha256:i", "Config": {"Labels": labels}}
    containers = {plan.level(1).container: level_1, "1": level_1, **({} if labels is None else {plan.kept(1): kept})}

    def inspect(name: str) -> dict[str, object]:
        if name not in containers:
            raise docker.errors.NotFound(name)
        return containers[name]

    return Mock(
        inspect_container=Mock(side_effect=inspect),
        remove_container=Mock(side_effect=lambda name, **_: inspect(name)),
        inspect_volume=Mock(side_effect=lambda name: {"Labels": {LABEL_CHAIN: "dream" if name == "data" else "other"}}),
    )


def _chain(plan: ChainPlan, state: ChainState = ChainState.RUNNING) -> ChainStatus:
    return ChainStatus(plan=plan, state=state, levels=())


def test_the_data_of_level_1_are_held_by_a_container_that_is_no_level(
    plan: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "take_down", down := Mock())
    engine = _engine(plan)
    stop(engine, _chain(plan))
    (call,) = engine.create_container.call_args_list
    assert (call.kwargs["image"], call.kwargs["name"]) == ("sha256:i", "inception-dream-1-kept")
    # The private engine removes levels that have ended, with their volumes.
    assert call.kwargs["labels"] == {LABEL_KEPT: "dream", LABEL_STOPPED: str(record_of("dream"))}
    mounts = engine.create_host_config.call_args.kwargs["mounts"]
    assert [it["Source"] for it in mounts] == ["data", *(seed.volume for seed in plan.seeds)]
    down.assert_called_once_with(engine, plan)
    assert Path(plan.paths.kept).exists()
    assert stopped_plan("dream") == replace(plan, data_volume="data")


def test_a_chain_whose_data_cannot_be_held_goes_on(plan: ChainPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "take_down", down := Mock())
    engine = _engine(plan)
    engine.create_container.side_effect = docker.errors.APIError("no space left")
    with pytest.raises(Exception, match="keeping the data of chain dream: no space left"):
        stop(engine, _chain(plan))
    down.assert_not_called()
    assert stopped_names() == []
    assert not Path(plan.paths.kept).exists()


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"attached": True}, ChainState.RUNNING, "is attached"),
        ({}, ChainState.BROKEN, "is broken"),
        ({"ttl_s": 60.0}, ChainState.RUNNING, "ends by itself after --ttl 60s"),
        ({"remote": True}, ChainState.RUNNING, "is on another machine"),
        ({"podman": True}, ChainState.RUNNING, "is on a Podman"),
    ],
)
def test_a_chain_that_cannot_be_stopped_says_why(
    plan: ChainPlan, changes: dict[str, object], state: ChainState, said: str
) -> None:
    with pytest.raises(ChainError, match=said):
        stop(Mock(), _chain(replace(plan, **changes), state))  # type: ignore[arg-type]


def test_a_chain_in_memory_is_not_stopped(plan: ChainPlan) -> None:
    storage = replace(plan.level(2).storage, kind=Storage.TMPFS)
    plan = replace(plan, levels=(plan.level(1), replace(plan.level(2), storage=storage)))
    with pytest.raises(ChainError, match="--storage tmpfs at level 2"):
        stop(Mock(), _chain(plan))


def test_a_start_without_the_data_says_so(plan: ChainPlan) -> None:
    with pytest.raises(ChainError, match="the data of chain dream are gone: level 0 has no container"):
        create_restored(_engine(plan), plan)


@pytest.mark.parametrize("with_data", [True, False])
def test_what_held_the_data_is_removed_unless_it_is_another_chains(plan: ChainPlan, with_data: bool) -> None:
    own, other = _engine(plan, {LABEL_STOPPED: str(record_of("dream"))}), _engine(plan, {LABEL_STOPPED: "/x"})
    for engine in (own, other, _engine(plan)):
        release(engine, replace(plan, data_volume="data"), with_data=with_data)
    own.remove_container.assert_called_once_with(plan.kept(1), force=True)
    other.remove_container.assert_not_called()
    assert own.remove_volume.called is with_data


def test_a_volume_of_another_chain_is_not_removed_whatever_the_plan_says(plan: ChainPlan) -> None:
    """A level can write the plan."""
    engine = _engine(plan)
    remove_data_volume(engine, replace(plan, data_volume="others"))
    engine.remove_volume.assert_not_called()
