"""Find the greatest depth that a host allows, and the limit that stops a chain there: the last lines of `doctor`."""

from __future__ import annotations

from inception.plan.estimate import USUAL_IMAGE_SIZE, Budget, budgets
from inception.plan.facts import HostFacts
from inception.plan.light_dataclasses import dataclass
from inception.plan.refusal import GREATEST_DEPTH
from inception.plan.request import ImageTransfer, PidMode, Storage
from inception.probe.doctor_facts import HostLimits

HEADROOM = 1
"""PID namespaces that stay free for containers at the bottom."""
OPEN_FILES_PER_LEVEL = 80
"""Files that a level's daemons hold open (measured: 79)."""


@dataclass(frozen=True, kw_only=True)
class DepthLimit:
    """Greatest depth in one PID mode. `wall` is the limit that stops a chain there."""

    mode: PidMode
    depth: int
    wall: str


def depth_limits(host: HostFacts, limits: HostLimits) -> tuple[DepthLimit, ...]:
    """Return the greatest depth in each PID mode that the host allows by the estimates."""
    return tuple(_depth_limit(mode, host, limits) for mode in PidMode)


def _depth_limit(mode: PidMode, host: HostFacts, limits: HostLimits) -> DepthLimit:
    depth, wall = min((_pid_wall(mode, host), *_walls(host, limits)), key=lambda it: it[0])
    return DepthLimit(mode=mode, depth=depth, wall=wall)


def _pid_wall(mode: PidMode, host: HostFacts) -> tuple[int, str]:
    room = max(host.pid_namespaces_free - HEADROOM, 0)
    wall = f"PID namespaces: {host.pid_namespaces_free} are free, {HEADROOM} stays so for containers at the bottom"
    # A level that shares its parent's namespace takes none; only level 1 must have its own.
    sharing = mode is not PidMode.ISOLATED and room > 0
    return (GREATEST_DEPTH, f"inception plans {GREATEST_DEPTH} levels at most") if sharing else (room, wall)


def _walls(host: HostFacts, limits: HostLimits) -> list[tuple[int, str]]:
    storage = Storage.VOLUME if host.data_root_carries_overlay else Storage.LOOPBACK
    among = [*budgets(host, ImageTransfer.AUTO, storage, USUAL_IMAGE_SIZE), *_kernel_budgets(limits)]
    return [(budget.greatest_depth, _describe(budget)) for budget in among if budget.greatest_depth is not None]


def _kernel_budgets(limits: HostLimits) -> tuple[Budget, ...]:
    keys = None if limits.keys is None else limits.keys.free
    files = None if limits.open_files is None else limits.open_files.free
    return (
        Budget(resource="keys", free=keys, per_level=1, in_bytes=False),
        Budget(resource="open files", free=files, per_level=OPEN_FILES_PER_LEVEL, in_bytes=False),
        # The kernel does not say how many exist; they are few beside a limit of tens of thousands.
        Budget(resource="namespaces of each kind", free=limits.namespaces, per_level=1, in_bytes=False),
    )


def _describe(budget: Budget) -> str:
    return f"{budget.show(budget.free or 0)} free, {budget.show(budget.per_level)} a level"
