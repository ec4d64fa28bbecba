"""Leftovers: whose run directories this client can judge, so that it removes no chain that lives out of its sight."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from inception.chain import leftovers
from inception.chain.leftovers import leftovers_on_engine, run_root_here
from inception.chain.stopped.records import record_of, write_record
from inception.engine.connect import Engine
from inception.image.seed import LABEL_PRELOADS
from inception.linux import lifeline
from inception.plan.chain import LABEL_CHAIN, LABEL_FLEET, LABEL_KEPT, LABEL_LEVEL, LABEL_STOPPED
from inception.plan.run_root import RunRootSource
from inception.probe.helper_container import LABEL_HELPER
from inception.probe.surroundings import Surroundings
from tests.factories import plans

ROOT = Path("/run/inception")
BESIDE = Surroundings(daemon=1, shares_run_root=True)
BIND = {"Type": "bind", "Source": "/srv/ci", "Destination": "/run/inception"}
VOLUME = {"Type": "volume", "Name": "ci", "Source": "/volumes/ci", "Destination": "/run/inception"}


def _inside(source: RunRootSource | None) -> Surroundings:
    return Surroundings(shares_run_root=True, run_root_source=source, in_container=True)


@pytest.mark.parametrize(
    ("surroundings", "mount", "here"),
    [
        (BESIDE, BIND, Path("/srv/ci")),
        (BESIDE, VOLUME, None),
        (Surroundings(), BIND, None),
        (Surroundings(in_container=True), BIND, None),
        (_inside(RunRootSource(path="/srv/ci")), BIND, ROOT),
        (_inside(RunRootSource(path="/srv/other")), BIND, None),
        (_inside(None), BIND, None),
        (_inside(None), {**BIND, "Source": "/run/inception"}, ROOT),
        (_inside(RunRootSource(path="ci", volume=True)), VOLUME, ROOT),
        (_inside(RunRootSource(path="ci")), VOLUME, None),
    ],
)
def test_a_run_root_of_the_engine_is_found_here(
    surroundings: Surroundings, mount: Mapping[str, str], here: Path | None
) -> None:
    assert run_root_here(surroundings, ROOT, mount) == here


class FakeEngine:
    """An engine with one level, in `state`, of the chain `dream`, which has the bind mount of `root`."""

    def __init__(self, root: Path, state: str, level: int) -> None:
        self._root = root
        self.dangling: list[dict[str, Any]] = []
        self.stopped: list[dict[str, Any]] = []
        self.helpers: list[dict[str, Any]] = []
        self._state = state
        self._level = str(level)

    def info(self) -> dict[str, Any]:
        return {}

    def volumes(self, filters: dict[str, object]) -> dict[str, Any]:
        found = [it for it in self.dangling if filters == {"label": next(iter(it["Labels"])), "dangling": True}]
        return {"Volumes": found or None}

    def containers(self, filters: dict[str, str], **_others: object) -> list[dict[str, Any]]:
        if filters == {"label": LABEL_STOPPED}:
            return self.stopped
        if filters == {"label": LABEL_HELPER}:
            return self.helpers
        mounts = [{"Type": "bind", "Source": str(self._root), "Destination": str(self._root)}]
        names = {"Names": ["/inception-dream-1"], "Labels": {LABEL_CHAIN: "dream", LABEL_LEVEL: self._level}}
        return [{**names, "State": self._state, "Mounts": mounts}]


def _found(
    root: Path, state: str, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch, *, level: int = 1
) -> list[str]:
    monkeypatch.setattr(leftovers, "find_surroundings", lambda *_a, **_k: surroundings)
    client = cast("docker.APIClient", FakeEngine(root, state, level))
    engine = Engine(client=client, endpoint="unix:///engine.sock", local=True, private=False)
    return [leftover.handle for leftover in leftovers_on_engine(engine)]


def test_a_level_that_runs_is_left_alone_by_a_client_that_does_not_see_its_run_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = Surroundings(in_container=True)
    assert _found(tmp_path, "running", unseen, monkeypatch) == []
    assert _found(tmp_path, "exited", unseen, monkeypatch) == ["inception-dream-1"]


def test_a_level_without_a_live_run_directory_is_a_leftover_where_that_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _found(tmp_path, "running", BESIDE, monkeypatch) == ["inception-dream-1"]
    (tmp_path / "dream" / "0").mkdir(parents=True)
    lifeline.hold(tmp_path / "dream" / "0" / "lifeline")
    assert _found(tmp_path, "running", BESIDE, monkeypatch) == []


def test_a_level_of_a_live_chain_is_none_to_a_client_of_the_engine_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _found(tmp_path / "dream", "running", BESIDE, monkeypatch, level=2) == ["inception-dream-1"]
    (tmp_path / "dream" / "0").mkdir(parents=True)
    lifeline.hold(tmp_path / "dream" / "0" / "lifeline")
    assert _found(tmp_path / "dream", "running", BESIDE, monkeypatch, level=2) == []


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (LABEL_PRELOADS, "seed 0123 with preloads, which no chain uses"),
        (LABEL_FLEET, "volume 0123 of fleet nightly, whose task is gone"),
    ],
)
def test_a_seed_with_preloads_and_a_fleet_s_volume_that_no_container_uses_are_leftovers(
    label: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "find_surroundings", lambda *_a, **_k: Surroundings())
    fake = FakeEngine(ROOT, "running", 1)
    fake.dangling.append({"Name": "0123", "Labels": {label: "nightly"}})
    engine = Engine(client=cast("docker.APIClient", fake), endpoint="unix:///engine.sock", local=True, private=False)
    assert [str(it) for it in leftovers_on_engine(engine)] == [said]


def test_what_keeps_the_data_of_a_stopped_chain_is_a_leftover_only_without_the_chains_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(leftovers, "find_surroundings", lambda *_a, **_k: Surroundings())
    fake = FakeEngine(ROOT, "running", 1)
    engine = Engine(client=cast("docker.APIClient", fake), endpoint="unix:///engine.sock", local=True, private=False)
    write_record(plans.plan(2))
    for name, record in (("dream", record_of("dream")), ("gone", record_of("gone")), ("other", Path("/x/other.json"))):
        fake.stopped.append(
            {"Names": [f"/inception-{name}-1-kept"], "Labels": {LABEL_KEPT: name, LABEL_STOPPED: str(record)}}
        )
    assert [leftover.handle for leftover in leftovers_on_engine(engine)] == ["inception-gone-1-kept"]


def test_ended_container_of_a_client_that_was_killed_in_a_step_is_a_leftover_once_it_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leftovers, "find_surroundings", lambda *_a, **_k: Surroundings())
    fake = FakeEngine(ROOT, "running", 1)
    engine = Engine(client=cast("docker.APIClient", fake), endpoint="unix:///engine.sock", local=True, private=False)
    now = time.time()
    states = (("old", "exited", 90), ("idle", "created", 90), ("new", "exited", 5), ("busy", "running", 90))
    for name, state, age_s in states:
        fake.helpers.append({"Names": [f"/{name}"], "State": state, "Created": now - age_s})
    assert [str(it) for it in leftovers_on_engine(engine)] == [
        "container old of a client that was killed",
        "container idle of a client that was killed",
    ]
