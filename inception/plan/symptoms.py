"""Symptoms: words of the kernel, runc and the engines, each with the cause that it tells and the remedy."""

from __future__ import annotations

import re

from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """Words of a failure (a pattern, for text in lower case), and what they tell. A wall gives a cause its name."""

    cause: str
    words: str
    remedy: str


SYMPTOMS = (
    Symptom(
        cause="pid-namespaces",
        words=r"final child's pid from pipe|unshare remaining namespaces|max_pid_namespaces"
        r"|pid namespace.*no space left",
        remedy="the kernel nests 32 PID namespaces: go less deep, or use --pid auto",
    ),
    Symptom(
        cause="user-namespaces",
        words=r"clone_newuser|user namespace|max_user_namespaces",
        remedy="raise user.max_user_namespaces",
    ),
    Symptom(
        cause="keys",
        words=r"session keyring|session key|keyctl|disk quota exceeded",
        remedy="raise kernel.keys.root_maxkeys",
    ),
    Symptom(
        cause="inotify",
        words=r"inotify|fsnotify|file watcher|watch.*(too many|no space left)",
        remedy="raise fs.inotify.max_user_instances and max_user_watches",
    ),
    Symptom(
        cause="open-files",
        words=r"too many open files|emfile|enfile",
        remedy="raise the limit of open files (ulimit -n, fs.file-max)",
    ),
    Symptom(
        cause="ptys",
        words=r"/ptmx|pseudo.?terminal|openpty|allocate a pty",
        remedy="raise kernel.pty.max",
    ),
    Symptom(
        cause="loop-devices",
        words=r"loop device|loop-control|/dev/loop|losetup|loop_ctl",
        remedy="let level 1 use /dev/loop-control and free loop devices (losetup -D), or use --storage volume",
    ),
    Symptom(
        # attach_recursive_mnt answers ENOSPC when a mount namespace is full. A socket that is bound is a file.
        cause="mounts",
        words=r"(mount|pivot|rootfs|unshare|bind(?!: )).*no space left|no space left.*(mount|rootfs)",
        remedy="raise fs.mount-max, or free disk space",
    ),
    Symptom(
        cause="disk",
        words=r"no space left on device|enospc|nothing (can|could) be written",
        remedy="free disk space, or go less deep",
    ),
    Symptom(
        cause="memory",
        words=r"cannot allocate memory|out of memory",
        remedy="free memory, or go less deep",
    ),
    Symptom(
        cause="tasks",
        words=r"resource temporarily unavailable|can't start new thread|pthread_create failed|newosproc|fork.*eagain"
        r"|processes and threads",
        remedy="raise kernel.pid_max and kernel.threads-max, or go less deep",
    ),
    Symptom(
        cause="subnets",
        words=r"pool .* is too small|no non-overlapping|could not find an available.*address pool",
        remedy="give a wider range that nothing else uses with --pool",
    ),
    Symptom(
        cause="ttl",
        words=r"time to live exceeded|ttl exceeded|ttl expired|hop limit",
        remedy="let no router on the way set it lower, or raise net.ipv4.ip_default_ttl: each level takes one off",
    ),
    Symptom(
        cause="engine-version",
        words=r"unknown capability",
        remedy="this engine is older than the plan: report its version",
    ),
    Symptom(
        cause="capabilities",
        words=r"unable to apply caps",
        remedy="the engine above lacks a capability: plan the chain anew",
    ),
    Symptom(
        cause="cgroup-root",
        words=r"invalid state",
        remedy="move the processes out of the root cgroup (cgroup v2 takes none beside controllers)",
    ),
)
"""In the order in which they are looked for: the words that only one cause has come first."""


def find_symptom(message: str) -> Symptom | None:
    """Return the first symptom in `message`, in upper or lower case; None if there is none."""
    lower = message.lower()
    return next((symptom for symptom in SYMPTOMS if re.search(symptom.words, lower)), None)
