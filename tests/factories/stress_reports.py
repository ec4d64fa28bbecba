"""Made-up reports for tests that need no engine."""

from __future__ import annotations

from dataclasses import replace

from inception.plan.request import Request
from inception.stress.assemble import campaign_record, find_drifts, find_fits
from inception.stress.campaign import Campaign
from inception.stress.execute import Outcome
from inception.stress.report.record import (
    REPORT_VERSION,
    ChainRecord,
    ChurnRecord,
    CycleRecord,
    Ending,
    Environment,
    HostReading,
    KillRecord,
    LevelMeasure,
    LevelRecord,
    ProcessMeasure,
    Report,
    SoakSample,
    Span,
    WallRecord,
)
from inception.stress.verdict import judge

ENVIRONMENT = Environment(
    program="0.1.0",
    python="3.11.7",
    kernel="6.12.0",
    machine="x86_64",
    cpus=2,
    memory=24 << 30,
    engine="unix:///var/run/docker.sock",
    engine_version="26.1.5",
    storage_driver="overlay2",
    cgroup_version=2,
    image="inception-level:test",
    image_id="sha256:" + "0123456789abcdef" * 4,
    pid_namespaces_free=32,
)
HOST = HostReading(
    memory_available=20 << 30,
    kernel_memory=300 << 20,
    disk_free=70 << 30,
    inodes_free=1_000_000,
    open_files=900,
    processes=100,
)
WALL = WallRecord(
    cause="pid-namespaces",
    title="PID namespaces",
    level=3,
    phase="start",
    message="can't get final child's PID from pipe: <EOF> & \"more\"",
    evidence=("the kernel nests 32",),
    remedy="use --pid auto",
    log_tail=("last words",),
)
KILL = KillRecord(level=1, target="dockerd", trigger=2, delay_s=0.25, pid=42, ended_s=0.8)
CHURN = ChurnRecord(clients=2, containers=3, seconds=1.5, run_s=(0.4, 0.5), errors=("no such image",))


def measure(number: int = 1) -> LevelMeasure:
    return LevelMeasure(
        processes=(
            ProcessMeasure(name="dockerd", pid=16, pss=40_000_000, threads=10, descriptors=20 + number),
            ProcessMeasure(name="containerd", pid=9, pss=15_000_000, threads=9, descriptors=11),
            ProcessMeasure(name="runner", pid=7, pss=20_000_000, threads=4, descriptors=6),
        ),
        inherited=(),
        mounts=27,
        cgroups=10,
        links=3,
        pid_namespace=4026532258 + number,
        disk=750_000,
        inodes=97,
    )


def level(number: int, *, begun_s: float, unwind_s: float, ready_s: float = 0.9) -> LevelRecord:
    return LevelRecord(
        number=number,
        spans=(
            Span(phase="create", begun_s=begun_s, seconds=0.01),
            Span(phase="start", begun_s=begun_s + 0.01, seconds=0.2),
            Span(phase="ready", begun_s=begun_s + 0.3, seconds=ready_s - 0.3),
            Span(phase="containerd", begun_s=begun_s + 0.3, seconds=0.06),
            Span(phase="image", begun_s=begun_s + 0.31, seconds=0.02),
            Span(phase="dockerd", begun_s=begun_s + 0.36, seconds=ready_s - 0.36),
            Span(phase="unwind", begun_s=20.0, seconds=unwind_s),
        ),
        ready_s=ready_s,
        unwound_s=unwind_s,
        pid_namespaces=number,
        measure=measure(number),
        api_s=0.001,
        run_s=0.3,
    )


def chain(name: str = "dream-1", depth: int = 4, *, ready_s: float = 0.9) -> ChainRecord:
    return ChainRecord(
        name=name,
        depth_asked=depth,
        depth_reached=depth,
        begun_s=0.1,
        descent_s=depth * ready_s,
        ascent_s=0.2 * depth,
        kicked=False,
        levels=tuple(
            level(number, begun_s=number - 1.0, unwind_s=0.2 * (depth - number + 1), ready_s=ready_s)
            for number in range(1, depth + 1)
        ),
        wall=None,
        kill=None,
        churn=None,
        soak=(),
    )


def cycle(number: int = 1, *chains: ChainRecord, leaks: tuple[str, ...] = ()) -> CycleRecord:
    kept = chains or (chain(f"dream-{number}"),)
    return CycleRecord(number=number, begun_s=0.0, seconds=9.0, before=HOST, after=HOST, leaks=leaks, chains=kept)


def report(*cycles: CycleRecord, depth: int = 4, ending: Ending = Ending.COMPLETE, seed: int | None = None) -> Report:
    kept = cycles or (cycle(),)
    campaign = Campaign(
        request=Request(depth=depth, name="dream", image="inception-level:test"), cycles=len(kept), chaos_seed=seed
    )
    drifts = find_drifts(kept)
    return Report(
        version=REPORT_VERSION,
        begun=1_700_000_000.0,
        seconds=30.0,
        ending=ending,
        campaign=campaign_record(campaign, ("inception", "stress", "--max-depth", str(depth))),
        environment=ENVIRONMENT,
        verdict=judge(campaign, Outcome(cycles=kept, ending=ending, seconds=30.0), drifts),
        fits=find_fits(one for it in kept for one in it.chains),
        drifts=drifts,
        cycles=kept,
    )


def eventful() -> Report:
    """A report in which everything happened that can."""
    walled = replace(chain("dream-1", 4), depth_reached=2, levels=chain("dream-1", 4).levels[:2], wall=WALL)
    killed = replace(chain("dream-2"), kill=KILL, kicked=True)
    sample = SoakSample(at_s=1.0, level=1, api_s=0.001, run_s=0.3, pss=70_000_000, threads=30, descriptors=60)
    busy = replace(chain("dream-3"), churn=CHURN, soak=(sample, replace(sample, at_s=3.0)))
    return report(cycle(1, walled), cycle(2, killed, busy, leaks=("mount /left <behind>",)), seed=7)
