"""Checks of the engine: it answers, is new enough, and gives its containers the privileges they need."""

from __future__ import annotations

from inception.linux.capabilities import names_in
from inception.plan.facts import EngineFacts
from inception.plan.privileges import NAMES
from inception.probe.checks.check import Check, CheckResult, failed, passed, skipped, warned
from inception.probe.checks.needs import of_engine
from inception.probe.doctor_facts import DoctorFacts, HostLimits

LEAST_API = (1, 41)
"""Docker 20.10: the first that gives a container a cgroup namespace of its own."""
LEAST_PODMAN = (4, 3)
"""Oldest Podman on which a descent has been tested."""
_INDISPENSABLE = ("SYS_ADMIN", "NET_ADMIN", "MKNOD", "SYS_CHROOT", "SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE")
"""Without one of these a level's engine cannot mount, make a bridge or device nodes, or unpack an image."""


def _judge_reachable(facts: DoctorFacts) -> CheckResult:
    if facts.engine is None:
        return failed(
            facts.engine_error or "no engine answers",
            "systemctl start docker  # or let inception start its own: --engine private",
        )
    where = "on this machine" if facts.engine.local else "somewhere else, or with another file system"
    return passed(f"{facts.engine.endpoint} answers, {where}")


def _judge_version(engine: EngineFacts) -> CheckResult:
    if engine.podman:
        return _judge_podman(engine)
    version = f"Docker {engine.version}, API {engine.api_version}"
    if tuple(int(part) for part in engine.api_version.split(".")) < LEAST_API:
        return failed(f"{version}: older than 20.10", "apt-get install --only-upgrade docker.io")
    return passed(version)


def _judge_podman(engine: EngineFacts) -> CheckResult:
    version = f"Podman {engine.version}, with Docker's API {engine.api_version}"
    if tuple(int(part) for part in engine.version.split(".")[:2]) < LEAST_PODMAN:
        return warned(f"{version}: levels are tested from 4.3 on", "apt-get install --only-upgrade podman")
    return passed(f"{version}: level 1 is started with --privileged, the levels below it are Docker's")


def _judge_mode(engine: EngineFacts) -> CheckResult:
    options = {option.removeprefix("name=").partition(",")[0] for option in engine.security_options}
    if "userns" in options:
        return failed("user namespaces are remapped: no container is root on the host", "dockerd --userns-remap=")
    if "rootless" in options:
        return failed("rootless: its containers can neither mount nor route for engines of their own", "dockerd")
    return passed("runs as root, without user-namespace remapping")


def _judge_privileges(facts: DoctorFacts) -> CheckResult:
    engine = facts.engine
    if engine is None:
        return skipped("no engine answers")
    if facts.limits is None:
        return skipped(facts.machine_error or "not read")
    given = f"levels get the {len(engine.capabilities)} capabilities it holds, unconfined"
    missing = [name for name in _INDISPENSABLE if name not in engine.capabilities]
    if missing and not engine.privileged:
        return failed(
            f"containers cannot be given {_listed(missing)}",
            "run the engine's own container with --privileged, or its unit without CapabilityBoundingSet",
        )
    if engine.privileged:
        return passed("--privileged works")
    if engine.podman:
        return warned(
            f"the engine lacks {_listed(_lacking(facts.limits))}: without CAP_SYS_RESOURCE Podman starts no container "
            f"with the limits it asks for by itself; {given}",
            "set default_ulimits for nofile and nproc in /etc/containers/containers.conf to what `ulimit -Hn -Hu` says",
        )
    return warned(
        f"--privileged fails, because the engine lacks {_listed(_lacking(facts.limits))}; {given}, instead",
        "systemctl show -p CapabilityBoundingSet docker  # nothing to do for inception",
    )


def _lacking(limits: HostLimits) -> list[str]:
    """Return the capabilities of the kernel that the engine lacks."""
    held = names_in(limits.bounding_set)
    return [name for name in NAMES[: limits.last_capability + 1] if name not in held]


def _listed(names: list[str]) -> str:
    return ", ".join(f"CAP_{name}" for name in names)


ENGINE_CHECKS = (
    Check(
        name="engine",
        why="Level 1 is a container of this engine.",
        judge=_judge_reachable,
    ),
    Check(
        name="engine-version",
        why="Each level needs a cgroup namespace of its own choice, which Docker has since 20.10 (API 1.41).",
        judge=of_engine(_judge_version),
    ),
    Check(
        name="engine-mode",
        why="An engine inside a container must be root on the host to mount, to route and to make devices.",
        judge=of_engine(_judge_mode),
    ),
    Check(
        name="privileges",
        why="A level must mount, route and make devices. --privileged asks for every capability the engine knows, "
        "and fails as a whole if the engine lacks one of them itself.",
        judge=_judge_privileges,
    ),
)
