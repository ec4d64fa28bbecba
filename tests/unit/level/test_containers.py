from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import docker
import pytest

from inception.chain.publishing.publish import certificates_of
from inception.level.api.client import EngineApi, NotFoundError
from inception.level.containers import create_level, recreate_level, stop_timeout_s
from inception.plan.chain import ChainPlan
from inception.plan.engine.options import LevelRange, parse_level_image
from inception.plan.engine.seeds import ImageFacts, seed_volume_name
from inception.plan.growth import grown, request_grown
from inception.plan.mounts import HostMount
from inception.plan.run_root import RunRootSource
from tests.factories.plans import ENGINE, FACTS, IMAGE, IMAGE_ID, plan


def _created(made: ChainPlan, number: int) -> dict[str, Any]:
    """Return the request by which level `number` is created, without sending it."""
    client = docker.APIClient(base_url="unix:///nonexistent.sock", version="1.41")
    client.create_container_from_config = Mock(return_value={"Id": "1"})  # type: ignore[method-assign]
    create_level(client, made, number, "level:1")
    return dict(client.create_container_from_config.call_args.args[0])


def test_level_1_has_the_run_root_and_the_seed_volume_and_removes_itself() -> None:
    config = _created(plan(), 1)
    host = config["HostConfig"]
    assert host["AutoRemove"] is True
    assert host["CgroupnsMode"] == "private"
    assert [(it["Type"], it["Target"], it["ReadOnly"]) for it in host["Mounts"]] == [
        ("bind", "/run/inception", False),
        ("volume", f"/var/lib/inception/seeds/{seed_volume_name(IMAGE_ID)}", True),
        ("volume", "/var/lib/docker", False),
    ]


def test_a_deeper_level_has_the_chain_s_directory_only_and_shares_the_cgroup_namespace() -> None:
    host = _created(plan(), 3)["HostConfig"]
    assert not host.get("AutoRemove")
    assert host["CgroupnsMode"] == "host"
    assert [(it["Type"], it["Target"]) for it in host["Mounts"]] == [
        ("bind", "/run/inception/dream"),
        ("bind", f"/var/lib/inception/seeds/{seed_volume_name(IMAGE_ID)}"),
        ("volume", "/var/lib/docker"),
    ]


def test_every_level_can_read_the_keys_of_published_engines() -> None:
    made = plan()
    for number in range(1, made.levels[-1].number + 1):
        places = [Path(it["Target"]) for it in _created(made, number)["HostConfig"]["Mounts"]]
        assert any(certificates_of(made).is_relative_to(place) for place in places)


@pytest.mark.parametrize(
    ("source", "mount"),
    [
        (RunRootSource(path="/srv/ci"), ("bind", "/srv/ci")),
        (RunRootSource(path="ci", volume=True), ("volume", "ci")),
    ],
)
def test_level_1_alone_has_the_run_root_from_the_place_where_its_engine_sees_it(
    source: RunRootSource, mount: tuple[str, str]
) -> None:
    made = plan(facts=replace(FACTS, run_root_source=source))
    shared, inner = (_created(made, number)["HostConfig"]["Mounts"][0] for number in (1, 2))
    assert (shared["Type"], shared["Source"], shared["Target"]) == (*mount, "/run/inception")
    assert (inner["Type"], inner["Source"], inner["Target"]) == ("bind", *["/run/inception/dream"] * 2)


def test_each_level_sees_the_seeds_that_an_engine_above_it_has_and_is_told_the_image_of_its_own() -> None:
    other = ImageFacts(name="level:b", image_id="sha256:b")
    facts = replace(FACTS, images=(IMAGE, other))
    before = plan(3, facts, level_images=(parse_level_image("2=level:b"),))
    made = grown(before, request_grown(before, 1, other.name), facts)
    assert [seed.home for seed in made.seeds] == [0, 0, 0, 3]
    kinds = {number: [it["Type"] for it in _created(made, number)["HostConfig"]["Mounts"]] for number in (1, 2, 4)}
    assert kinds == {
        1: ["bind", "volume", "volume", "volume", "volume"],
        2: ["bind", "bind", "bind", "bind", "volume"],
        4: ["bind", "bind", "bind", "bind", "volume", "volume"],
    }
    images = [_created(made, number)["Env"] for number in range(1, 5)]
    named = [next(it for it in environment if it.startswith("INCEPTION_IMAGE=")) for environment in images]
    assert [it.removeprefix("INCEPTION_IMAGE=") for it in named] == [other.name, IMAGE.name, IMAGE.name, other.name]


@pytest.mark.parametrize("number", [1, 2])
def test_no_bind_is_recursive(number: int) -> None:
    mounts = _created(plan(), number)["HostConfig"]["Mounts"]
    assert all(it["BindOptions"]["NonRecursive"] for it in mounts if it["Type"] == "bind")


def test_without_privileged_capabilities_are_listed_and_paths_unmasked() -> None:
    host = _created(plan(), 1)["HostConfig"]
    assert host["CapAdd"] == ["NET_ADMIN", "SYS_ADMIN"]
    assert host["MaskedPaths"] == host["ReadonlyPaths"] == []
    assert host["DeviceCgroupRules"] == ["a *:* rwm"]
    assert not host.get("Privileged")


def test_podman_gets_a_request_for_level_1_of_its_own_kind() -> None:
    made = plan(facts=replace(FACTS, engine=replace(ENGINE, podman=True)))
    outermost, deeper = _created(made, 1)["HostConfig"], _created(made, 2)["HostConfig"]
    # crun 1.8 writes -1 into pids.max, which the kernel refuses.
    assert (outermost["Privileged"], outermost["PidsLimit"], outermost.get("Ulimits")) == (True, 4194304, None)
    assert outermost["CapAdd"] == ["NET_ADMIN", "SYS_ADMIN"]
    assert deeper == _created(plan(), 2)["HostConfig"]


def test_a_shared_pid_namespace_is_that_of_the_engine_above() -> None:
    made = plan(depth=2, pid="shared")
    assert "PidMode" not in _created(made, 1)["HostConfig"]
    assert _created(made, 2)["HostConfig"]["PidMode"] == "host"


def test_a_capability_that_the_engine_does_not_know_is_left_out() -> None:
    client = docker.APIClient(base_url="unix:///nonexistent.sock", version="1.41")
    refusal = docker.errors.APIError('invalid CapAdd: unknown capability: "CAP_SYS_ADMIN"')
    client.create_container_from_config = Mock(side_effect=[refusal, {"Id": "1"}])  # type: ignore[method-assign]
    create_level(client, plan(), 1, "level:1")
    assert client.create_container_from_config.call_args.args[0]["HostConfig"]["CapAdd"] == ["NET_ADMIN"]


def test_any_other_refusal_is_raised() -> None:
    client = docker.APIClient(base_url="unix:///nonexistent.sock", version="1.41")
    client.create_container_from_config = Mock(side_effect=docker.errors.APIError("no"))  # type: ignore[method-assign]
    with pytest.raises(docker.errors.APIError):
        create_level(client, plan(), 1, "level:1")


def test_stop_timeout_of_a_level_includes_all_levels_below() -> None:
    made = plan(depth=5)
    times = [stop_timeout_s(made, number) for number in range(1, 6)]
    assert times == sorted(times, reverse=True)
    assert times[-1] >= made.limits.level_stop_s


def test_only_level_1_has_a_pids_limit() -> None:
    assert _created(plan(), 1)["HostConfig"]["PidsLimit"] == 4194304
    assert "PidsLimit" not in _created(plan(), 2)["HostConfig"]


def test_on_a_remote_engine_the_run_root_of_level_1_is_a_volume() -> None:
    made = plan(facts=replace(FACTS, engine=replace(ENGINE, local=False)))
    outermost = _created(made, 1)["HostConfig"]["Mounts"][0]
    assert (outermost["Type"], outermost["Target"], outermost.get("Source")) == ("volume", "/run/inception", None)
    assert _created(made, 2) == _created(plan(), 2)


def test_level_1_binds_from_the_host_and_a_deeper_one_all_at_once_from_its_parent() -> None:
    mount = HostMount(levels=LevelRange(), source="/a", target="/srv/a")
    made = plan(mounts=(mount, replace(mount, source="/b", target="/srv/b", read_only=True)))
    binds = [
        [
            (it["Source"], it["Target"], it["ReadOnly"], it["BindOptions"]["Propagation"])
            for it in _created(made, number)["HostConfig"]["Mounts"]
            if it["Target"].startswith("/var/lib/inception/mounts")
        ]
        for number in (1, 2)
    ]
    carried = "/var/lib/inception/mounts"
    assert binds[0] == [("/a", f"{carried}/0", False, "rprivate"), ("/b", f"{carried}/1", True, "rprivate")]
    assert binds[1] == [(carried, carried, False, "rprivate")]


class FakeEngine(EngineApi):
    """An engine that has containers of given names, and keeps what it was asked to do with them."""

    def __init__(self, *names: str) -> None:
        super().__init__(Path("nonexistent.sock"), timeout_s=1)
        self.names = set(names)
        self.done: list[str] = []

    def inspect_container(self, container: str) -> dict[str, Any]:
        if container not in self.names:
            raise NotFoundError(404, container)
        return {"Mounts": [{"Type": "volume", "Name": f"data of {container}", "Destination": "/var/lib/docker"}]}

    def rename(self, container: str, name: str) -> None:
        self.names = self.names - {container} | {name}
        self.done.append(f"rename {container} {name}")

    def remove(self, container: str, *, volumes: bool = True) -> None:
        assert not volumes
        self.names.remove(container)
        self.done.append(f"remove {container}")

    def create_container_from_config(self, config: Mapping[str, Any], name: str) -> dict[str, Any]:
        assert name not in self.names
        self.names.add(name)
        mounts = {mount["Target"]: mount["Source"] for mount in config["HostConfig"]["Mounts"]}
        self.done.append(f"create with {mounts['/var/lib/docker']}")
        return {"Id": "new"}


@pytest.mark.parametrize(
    ("there", "done"),
    [
        (("2",), ["rename 2 2-kept", "create with data of 2-kept", "remove 2-kept"]),
        (("2-kept",), ["create with data of 2-kept", "remove 2-kept"]),
        (("2", "2-kept"), ["remove 2", "create with data of 2-kept", "remove 2-kept"]),
        ((), ["create with None"]),
    ],
    ids=["stopped", "renamed", "created", "new"],
)
def test_a_level_is_made_again_with_its_data_wherever_that_was_cut_short(
    there: tuple[str, ...], done: list[str]
) -> None:
    engine = FakeEngine(*(f"inception-dream-{name}" for name in there))
    assert recreate_level(engine, plan(), 2, "level:1") == "new"
    assert [it.replace("inception-dream-", "") for it in engine.done] == done
    assert engine.names == {"inception-dream-2"}
