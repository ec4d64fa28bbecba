"""Laws of the whole plan: it survives being written and read, and what it refuses it refuses with a way out."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from hypothesis import given
from hypothesis import strategies as st

from inception.plan.chain import ChainPlan
from inception.plan.engine.options import DaemonJson, LevelImage, LevelRange, LevelRuntime, parse_dockerd_argument
from inception.plan.engine.preloads import Preload
from inception.plan.engine.proxies import Proxies
from inception.plan.engine.seeds import ImageFacts
from inception.plan.engine.settings import SettingsFile
from inception.plan.facts import Facts
from inception.plan.mounts import HostMount
from inception.plan.pids import PidNamespace
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal
from inception.plan.request import (
    ImageStore,
    ImageTransfer,
    Inherit,
    LevelStore,
    NetworkMode,
    PidMode,
    Request,
    Storage,
    is_name,
)
from tests.factories.plans import ENGINE, FACTS, HOST

# Scarce now and then: a host that lacks everything would only ever show refusals.
amounts = st.none() | st.integers(1 << 38, 1 << 45) | st.integers(0, 1 << 36)

amounts_taken = st.integers(0, 1 << 33)

hosts = st.builds(
    replace,
    st.just(HOST),
    pid_namespaces_free=st.integers(0, 32),
    routes=st.lists(st.sampled_from(["10.0.0.0/8", "10.208.0.0/14", "192.0.2.0/24", "fd00::/8"])).map(tuple),
    mtu=st.integers(68, 9000),
    memory_available=amounts,
    disk_free=amounts,
    inodes_free=amounts,
    tasks_free=amounts,
    data_root_carries_overlay=st.booleans(),
)
engines = st.builds(
    replace,
    st.just(ENGINE),
    privileged=st.booleans(),
    capabilities=st.lists(st.sampled_from(["SYS_ADMIN", "MKNOD"]), unique=True).map(tuple),
)
# Only the default image may be missing, since it is built then.
images = st.builds(
    lambda default, size, version: tuple(
        ImageFacts(name=name, image_id=f"sha256:{name}", size=size, engine_version=version)
        for name in (*default, "level:2", "level:3")
    ),
    st.sampled_from([(), ("inception-level:test",)]),
    st.none() | st.integers(0, 1 << 33),
    st.sampled_from(["", "20.10.24+dfsg1", "28.5.2"]),
)
preloads = st.lists(
    st.builds(Preload, source=st.just("app"), identity=st.sampled_from(["sha256:a", "sha256:b"]), size=amounts_taken),
    max_size=2,
).map(tuple)
facts_of_any_host = st.builds(replace, st.just(FACTS), host=hosts, engine=engines, images=images, preloads=preloads)
levels = st.builds(LevelRange, first=st.integers(1, 3), last=st.none() | st.just(3))
requests = st.builds(
    Request,
    depth=st.integers(0, 140),
    name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True).filter(is_name),
    image=st.just("inception-level:test"),
    image_transfer=st.sampled_from(ImageTransfer),
    level_images=st.lists(
        st.builds(LevelImage, levels=levels, image=st.sampled_from(["level:2", "level:3"])), max_size=2
    ).map(tuple),
    image_store=st.lists(st.builds(LevelStore, levels=levels, store=st.sampled_from(ImageStore)), max_size=2).map(
        tuple
    ),
    preload=st.lists(st.sampled_from(["app", "/app.tar"]), max_size=2).map(tuple),
    runtimes=st.lists(st.builds(LevelRuntime, levels=levels, runtime=st.just("crun")), max_size=1).map(tuple),
    pool=st.sampled_from([None, "10.0.0.0/24", "172.20.0.0/16"]),
    pid=st.sampled_from(PidMode),
    headroom=st.integers(0, 3),
    storage=st.sampled_from(Storage),
    storage_size=st.none() | st.integers(0, 1 << 42),
    network=st.sampled_from(NetworkMode),
    dns=st.lists(st.sampled_from(["192.0.2.53", "2001:db8::53"]), max_size=2).map(tuple),
    mtu=st.none() | st.integers(68, 65535),
    patience=st.floats(0.1, 100),
    attached=st.booleans(),
    ttl_s=st.none() | st.floats(0, 1e6),
    force=st.booleans(),
    proxy=st.none() | st.just(Proxies(https="http://127.0.0.1:3128", exempt=("intern.example",))),
    registry_mirrors=st.lists(st.sampled_from(["https://mirror.example", "mirror"]), max_size=1).map(tuple),
    insecure_registries=st.lists(st.sampled_from(["192.0.2.0/24", "http://x"]), max_size=1).map(tuple),
    ca=st.lists(st.just("-----BEGIN CERTIFICATE-----"), max_size=1).map(tuple),
    inherit=st.sampled_from(Inherit),
    dockerd=st.lists(st.sampled_from(["--debug", "2-4:--label=a=b", "--bip=x"]).map(parse_dockerd_argument)).map(tuple),
    mounts=st.lists(
        st.builds(
            HostMount,
            levels=st.builds(LevelRange, first=st.integers(1, 3)),
            source=st.sampled_from(["/a", "/b"]),
            target=st.sampled_from(["/srv", "/srv/a", "/etc", "data"]),
            read_only=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    daemon_json=st.lists(
        st.builds(
            DaemonJson,
            levels=st.just(LevelRange(first=2)),
            file=st.builds(SettingsFile, source=st.just("d.json"), text=st.sampled_from(['{"mtu": 1400}', "{"])),
        ),
        max_size=1,
    ).map(tuple),
)


def _plan(request: Request, facts: Facts) -> ChainPlan | Refusal:
    try:
        return plan_chain(request, facts)
    except Refusal as refusal:
        return refusal


def _only_plain_values(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _only_plain_values(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_only_plain_values(item) for item in value)
    return value is None or type(value) in {str, int, float, bool}


@given(requests, facts_of_any_host)
def test_a_plan_survives_json(request: Request, facts: Facts) -> None:
    plan = _plan(request, facts)
    if isinstance(plan, ChainPlan):
        text = plan.to_json()
        assert ChainPlan.from_json(text) == plan
        assert ChainPlan.from_json(text).to_json() == text
        assert _only_plain_values(json.loads(text))


@given(requests, facts_of_any_host)
def test_a_refusal_is_one_line_with_a_remedy(request: Request, facts: Facts) -> None:
    refusal = _plan(request, facts)
    if isinstance(refusal, Refusal):
        assert str(refusal)
        assert refusal.remedy
        assert "\n" not in str(refusal) + refusal.remedy


@given(requests, facts_of_any_host)
def test_every_level_is_planned_once_with_values_of_its_own(request: Request, facts: Facts) -> None:
    plan = _plan(request, facts)
    if isinstance(plan, ChainPlan):
        assert [level.number for level in plan.levels] == list(range(1, request.depth + 1))
        for distinct in ("container", "hostname"):
            assert len({getattr(level, distinct) for level in plan.levels}) == request.depth
        assert len({level.subnet.block for level in plan.levels}) == request.depth
        assert all(level.pid_namespace is PidNamespace.PRIVATE for level in plan.levels[:1])


@given(requests, facts_of_any_host)
def test_each_level_has_a_seed_of_the_level_belows_image_made_by_its_own_engine(request: Request, facts: Facts) -> None:
    plan = _plan(request, facts)
    if isinstance(plan, ChainPlan):
        assert len({seed.volume for seed in plan.seeds}) == len(plan.seeds)
        assert {seed.volume for seed in plan.seeds} == {level.seed for level in plan.levels}
        for level, child in zip(plan.levels, (*plan.levels[1:], *plan.levels[-1:]), strict=True):
            seed = plan.seed_of(level.number)
            assert level.image == seed.engine_image == request.image_of(level.number)
            assert seed.image == child.image
            assert seed.store is request.image_store_of(level.number)
            assert seed.store is not ImageStore.CONTAINERD or not seed.engine_version.startswith("20.")


@given(requests, facts_of_any_host)
def test_depth_0_is_refused_only_if_the_request_is_invalid(request: Request, facts: Facts) -> None:
    """Depth 0 takes nothing from the host, so that no fact about it can be a reason to refuse."""
    nothing = _plan(replace(request, depth=0), facts)
    if isinstance(nothing, Refusal):
        assert nothing.usage
        return
    assert nothing.levels == ()
    assert not any(asdict(nothing.estimate).values())


@given(requests, facts_of_any_host)
def test_force_skips_only_the_checks_of_estimates_and_counts(request: Request, facts: Facts) -> None:
    careful, bold = (_plan(replace(request, force=force), facts) for force in (False, True))
    if isinstance(careful, ChainPlan):
        assert isinstance(bold, ChainPlan)
        assert replace(bold, request=careful.request) == careful
    elif isinstance(bold, ChainPlan):
        assert "--force" in careful.remedy or "PID namespaces" in str(careful)
    else:
        assert "--force" not in bold.remedy
