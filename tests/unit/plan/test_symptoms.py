from __future__ import annotations

import pytest

from inception.plan.symptoms import find_symptom


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("OCI runtime create failed: can't get final child's PID from pipe: EOF", "pid-namespaces"),
        ("fork/exec /proc/self/exe: user namespace: no space left on device", "user-namespaces"),
        ("runc create failed: unable to join session keyring: disk quota exceeded", "keys"),
        ("fsnotify: too many open files", "inotify"),
        ("accept4: Too many open files in system", "open-files"),
        ("open /dev/ptmx: no space left on device", "ptys"),
        ("error mounting rootfs: no space left on device", "mounts"),
        ("can't create unix socket /x/docker.sock: listen unix /x/docker.sock: bind: no space left on device", "disk"),
        ("write /var/lib/docker/x: No space left on device", "disk"),
        ("fork/exec /usr/bin/runc: cannot allocate memory", "memory"),
        ("RuntimeError: can't start new thread", "tasks"),
        ("losetup: /dev/loop7: failed to set up loop device: No space left on device", "loop-devices"),
        ("could not find an available, non-overlapping IPv4 address pool among the defaults", "subnets"),
        ("From 198.18.0.1: Time to live exceeded", "ttl"),
        ("invalid CapAdd: unknown capability: CAP_BPF", "engine-version"),
        ("unable to apply caps: operation not permitted", "capabilities"),
        ("cannot enter cgroupv2 with domain controllers -- it is in an invalid state", "cgroup-root"),
    ],
)
def test_find_symptom_tells_the_cause(message: str, cause: str) -> None:
    symptom = find_symptom(message)
    assert symptom is not None
    assert symptom.cause == cause


def test_find_symptom_returns_none_for_other_words() -> None:
    assert find_symptom("No such container: dream") is None
