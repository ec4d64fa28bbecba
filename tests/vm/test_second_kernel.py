"""The descent, and its unwinding, on a kernel other than the one that everything else is tested on."""

from __future__ import annotations

import json

import pytest

from inception.plan.events import Phase, State
from tests.integration.container_output import LINGER
from tests.vm.conftest import SecondKernel
from tests.vm.guest import DESCENT_LIMIT_S, Ending, Outcome

# Emulation is slow, and so is making what is emulated, on the first run.
pytestmark = pytest.mark.timeout(1500)

DEPTH = 2
PATIENCE = "10"
ALL_CAPABILITIES = "000001ffffffffff"


def _ready_s(outcome: Outcome, level: int) -> float:
    """Seconds from the creation of a level until its engine is ready."""
    of_level = [event for event in outcome.read_events() if event.level == level]
    first = next(event for event in of_level if event.phase is Phase.CREATE)
    ready = next(event for event in of_level if (event.phase, event.state) == (Phase.READY, State.END))
    return ready.monotonic_s - first.monotonic_s


def test_guest_has_cgroup_v2_alone_and_all_capabilities(second_kernel: SecondKernel) -> None:
    assert second_kernel.output("stat", "--file-system", "--format=%T", "/sys/fs/cgroup").strip() == "cgroup2fs"
    assert " cgroup " not in second_kernel.output("cat", "/proc/self/mounts")
    assert f"CapBnd:\t{ALL_CAPABILITIES}" in second_kernel.output("cat", "/proc/1/status")
    info = json.loads(second_kernel.output("docker", "info", "--format", "{{json .}}"))
    assert (info["CgroupVersion"], info["CgroupDriver"]) == ("2", "systemd")
    second_kernel.say(
        f"Linux {info['KernelVersion']}, {info['OperatingSystem']}, dockerd {info['ServerVersion']}, "
        f"cgroup v{info['CgroupVersion']} ({info['CgroupDriver']}), all capabilities"
    )


def test_plan_uses_privileged(second_kernel: SecondKernel) -> None:
    plan = json.loads(second_kernel.output("python3", "-m", "inception", "plan", "--depth", str(DEPTH), "--json"))
    assert plan["privileges"] == {"privileged": True, "capabilities": []}
    second_kernel.say("the plan's levels are --privileged")


PID_MAX_LIMIT = 4194304
"""include/linux/threads.h"""
BOTTOM = f"""
docker info --format '{{{{.Name}}}} v{{{{.CgroupVersion}}}} {{{{.CgroupDriver}}}}'
grep CapEff /proc/self/status
cat /proc/self/cgroup
cat /sys/fs/cgroup/cgroup.subtree_control
cat /sys/fs/cgroup/pids.max
docker run --rm --memory 64m "$INCEPTION_IMAGE" sh -c 'echo in a container; cat /sys/fs/cgroup/memory.max; {LINGER}'
echo to standard error >&2
exit 7
"""


def test_command_runs_at_depth_2_and_leaves_nothing(second_kernel: SecondKernel) -> None:
    arguments = ("--depth", str(DEPTH), "--name", "deep", "--patience", PATIENCE, "--", "sh", "-c", BOTTOM)
    outcome = second_kernel.descend(Ending.BY_ITSELF, *arguments)
    assert outcome.status == 7, outcome.stderr
    engine, capabilities, cgroup, controllers, tasks, *container = outcome.stdout.splitlines()
    assert engine == f"deep-{DEPTH} v2 cgroupfs"
    assert capabilities.split() == ["CapEff:", ALL_CAPABILITIES]
    # Level 1's container is the root that it sees. Its own cgroup lies right below, beside those of its containers.
    assert cgroup.startswith("0::/docker/")
    assert cgroup.count("/") == 2
    assert {"cpu", "io", "memory", "pids"} <= set(controllers.split())
    # systemd's DefaultTasksMax= would stop a chain at some 90 levels.
    assert tasks == str(PID_MAX_LIMIT)
    assert container == ["in a container", str(64 << 20)]
    assert "to standard error" in outcome.stderr
    assert "making the seed" not in outcome.stderr, "the disk should come with it"
    assert not outcome.difference, "\n".join(outcome.difference)
    times = ", ".join(f"level {level} {_ready_s(outcome, level):.0f} s" for level in range(1, DEPTH + 1))
    second_kernel.say(
        f"depth {DEPTH} reached ({times}), a container ran there; clean {outcome.ending_s:.0f} s after its first line"
    )


def test_killed_client_leaves_nothing(second_kernel: SecondKernel) -> None:
    script = "echo here; exec sleep 600"
    arguments = ("--depth", str(DEPTH), "--patience", PATIENCE, "--", "sh", "-c", script)
    outcome = second_kernel.descend(Ending.KILLED, *arguments)
    assert (outcome.status, outcome.stdout) == (-9, "here\n"), outcome.stderr
    assert not outcome.difference, "\n".join(outcome.difference)
    second_kernel.say(f"client killed at the bottom: clean {outcome.ending_s:.0f} s later")


def test_standalone_image_runs_an_engine_with_privileged(second_kernel: SecondKernel) -> None:
    second_kernel.output("python3", "-m", "inception", "image", "build", timeout_s=300)
    kept = second_kernel.output("docker", "volume", "ls", "--quiet")
    script = "docker info --format '{{.Driver}} v{{.CgroupVersion}}'; cat /sys/fs/cgroup/cgroup.subtree_control; exit 7"
    ended = second_kernel.run("docker", "run", "--rm", "--privileged", "inception", "sh", "-c", script, timeout_s=300)
    assert ended.status == 7, ended.stderr
    driver, controllers = ended.stdout.splitlines()
    assert driver == "overlay2 v2"
    assert {"cpu", "io", "memory", "pids"} <= set(controllers.split())
    assert ended.stderr == ""
    assert second_kernel.output("docker", "ps", "--all", "--quiet") == ""
    assert second_kernel.output("docker", "volume", "ls", "--quiet") == kept
    second_kernel.say("the image alone: an engine by docker run --privileged, and nothing left of it")


def test_cgroup_hierarchy_is_mounted_as_before(second_kernel: SecondKernel) -> None:
    """Mounting cgroup2 again in the first cgroup namespace would reset the options of all its mounts."""
    mounts = second_kernel.output("cat", "/proc/self/mounts")
    options = next(line.split()[3].split(",") for line in mounts.splitlines() if line.split()[2] == "cgroup2")
    assert {"nsdelegate", "memory_recursiveprot"} <= set(options)


HOUR_S = 3600


def test_clock_set_forward_does_not_affect_a_chain(second_kernel: SecondKernel) -> None:
    """Setting the clock forward by an hour does not end a chain with a TTL of half an hour."""
    program = ("python3", "-m", "inception")
    names = {"timed": ("--ttl", "30m"), "timeless": ()}
    for name, life in names.items():
        second_kernel.output(
            *program, "up", "--depth", "1", "--name", name, "--patience", PATIENCE, *life, timeout_s=DESCENT_LIMIT_S
        )
    before_s = float(second_kernel.output("date", "+%s"))
    second_kernel.output("date", "--set", f"@{before_s + HOUR_S:.0f}")
    try:
        chains = json.loads(second_kernel.output(*program, "ls", "--json"))
        assert float(second_kernel.output("date", "+%s")) >= before_s + HOUR_S
        assert [(it["name"], it["condition"], it["remarks"]) for it in chains] == [
            (name, "running", []) for name in sorted(names)
        ]
        ages_s = [it["levels"][0]["age_s"] for it in chains]
        assert all(0 < age_s < HOUR_S / 2 for age_s in ages_s), ages_s
        for name in names:
            assert second_kernel.output(*program, "exec", name, "--", "hostname").strip() == f"{name}-1"
        pruned = second_kernel.run(*program, "prune", "--yes")
        assert (pruned.status, pruned.stdout) == (0, ""), pruned.stderr
        second_kernel.output(*program, "grow", "timed", timeout_s=DESCENT_LIMIT_S)
        # An event of after the jump comes after those of before it.
        assert json.loads(second_kernel.output(*program, "ls", "--json"))[0]["condition"] == "running"
        second_kernel.output(*program, "down", "--all", timeout_s=DESCENT_LIMIT_S)
        assert second_kernel.output(*program, "ls").strip() == "no chains"
    finally:
        second_kernel.output("date", "--set", f"@{float(second_kernel.output('date', '+%s')) - HOUR_S:.0f}")
    second_kernel.say(
        f"the clock set forward by an hour: both chains live, {ages_s[0]:.0f} s and {ages_s[1]:.0f} s old"
    )
