"""Table of the causes: the messages that only one has, or a counter of the kernel, its proof and its remedy.

The message of an engine is often far from the cause: "can't get final child's PID from pipe" is a kernel that is out of
PID namespaces. So each cause is known by the message, by the host's counters, or by both.
"""

from __future__ import annotations

from inception.plan.light_dataclasses import dataclass
from inception.stress.wall import predicates
from inception.stress.wall.model import Cause
from inception.stress.wall.predicates import SYMPTOM_BY_CAUSE, Prove


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One cause: it is considered where `pattern` is found in the message or the log; without a pattern, always.

    `prove` then looks for its proof in the incident.
    """

    cause: Cause
    title: str
    remedy: str
    pattern: str = ""
    prove: Prove = predicates.message


def _rule_of_symptom(cause: Cause, title: str, prove: Prove = predicates.message) -> Rule:
    symptom = SYMPTOM_BY_CAUSE[cause]
    return Rule(cause=cause, title=title, remedy=symptom.remedy, pattern=symptom.words, prove=prove)


# The most certain come first: a counter of the kernel, then messages that only one cause has.
RULES = (
    Rule(
        cause=Cause.CGROUP_LIMIT,
        title="a limit of the control group",
        remedy="raise the limit of tasks (docker update --pids-limit, TasksMax= of the engine's service)",
        prove=predicates.cgroup_limit,
    ),
    Rule(cause=Cause.MEMORY, title="memory", remedy="free memory, or go less deep", prove=predicates.memory),
    # Before PID namespaces: one message fits both, and only the limits differ.
    Rule(
        cause=Cause.USER_NAMESPACES,
        title="user namespaces",
        remedy="raise user.max_user_namespaces",
        pattern=f"{predicates.NEW_PID_NAMESPACE}|{predicates.NEW_USER_NAMESPACE}",
        prove=predicates.user_namespaces,
    ),
    Rule(
        cause=Cause.PID_NAMESPACES,
        title="PID namespaces",
        remedy="go less deep, or let the deepest levels share with --pid auto",
        pattern=f"{predicates.NEW_PID_NAMESPACE}|pid namespaces",
        prove=predicates.pid_namespaces,
    ),
    _rule_of_symptom(Cause.KEYS, "keys", predicates.keys),
    _rule_of_symptom(
        Cause.INOTIFY, "inotify", predicates.sysctls("fs.inotify.max_user_instances", "fs.inotify.max_user_watches")
    ),
    _rule_of_symptom(Cause.OPEN_FILES, "open files", predicates.open_files),
    _rule_of_symptom(Cause.PTYS, "ptys", predicates.sysctls("kernel.pty.nr", "kernel.pty.max")),
    _rule_of_symptom(Cause.LOOP_DEVICES, "loop devices", predicates.loop_devices),
    Rule(cause=Cause.INODES, title="inodes", remedy="free inodes, or go less deep", prove=predicates.inodes),
    Rule(cause=Cause.DISK, title="disk", remedy="free disk space, or go less deep", prove=predicates.disk),
    Rule(
        # A full disk is ruled out above.
        cause=Cause.MOUNTS,
        title="mounts",
        remedy="raise fs.mount-max",
        pattern=SYMPTOM_BY_CAUSE[Cause.MOUNTS].words,
        prove=predicates.sysctls("fs.mount-max"),
    ),
    _rule_of_symptom(Cause.TASKS, "processes and threads", predicates.sysctls("kernel.pid_max", "kernel.threads-max")),
    _rule_of_symptom(Cause.SUBNETS, "subnets"),
    Rule(
        cause=Cause.PATH_LENGTH,
        title="path length",
        remedy="use a shorter --name, or a shorter INCEPTION_RUN_ROOT",
        pattern="socket path .* is longer|file name too long|path too long",
    ),
    _rule_of_symptom(Cause.TTL, "TTL"),
    Rule(
        cause=Cause.TIME_LIMIT,
        title="the time limit",
        remedy="give it longer with --patience or --time-limit",
        pattern="did not answer within|time limit|timed out|deadline exceeded",
    ),
)
