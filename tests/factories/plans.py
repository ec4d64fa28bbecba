"""Made-up facts and plans for tests that need no host."""

from __future__ import annotations

from dataclasses import replace

from inception.plan.chain import ChainPlan
from inception.plan.engine.seeds import ImageFacts
from inception.plan.facts import EngineFacts, Facts, HostFacts
from inception.plan.planner import plan_chain
from inception.plan.request import Request

IMAGE_ID = "sha256:" + "0123456789abcdef" * 4

ENGINE = EngineFacts(
    endpoint="unix:///var/run/docker.sock",
    name="host",
    version="26.1.5",
    api_version="1.45",
    local=True,
    cgroup_version=2,
    cgroup_driver="cgroupfs",
    storage_driver="overlay2",
    data_root="/var/lib/docker",
    capabilities=("NET_ADMIN", "SYS_ADMIN"),
    privileged=False,
    security_options=("name=seccomp,profile=builtin",),
    networks=("172.17.0.0/16",),
)

HOST = HostFacts(
    kernel="6.12.0",
    cpus=2,
    pid_namespaces_free=32,
    routes=("192.168.0.0/24",),
    mtu=1400,
    resolvers=("192.168.0.1",),
    memory_available=64 << 30,
    disk_free=500 << 30,
    inodes_free=50_000_000,
    open_files_limit=20_000,
    data_root_carries_overlay=True,
    owner_uid=0,
    owner_gid=0,
)

IMAGE = ImageFacts(name="inception-level:test", image_id=IMAGE_ID, engine_version="26.1.5")

FACTS = Facts(engine=ENGINE, host=HOST, run_root="/run/inception", images=(IMAGE,))


def request(depth: int = 4, **changes: object) -> Request:
    return replace(Request(depth=depth, name="dream", image=IMAGE.name), **changes)  # type: ignore[arg-type]


def plan(depth: int = 4, facts: Facts = FACTS, **changes: object) -> ChainPlan:
    return plan_chain(request(depth, **changes), facts)
