"""A leak is a thing that our chains left behind, not one that others on the same host have started meanwhile."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from inception.stress.inventory import Thing
from inception.stress.leaks import OwnChains, leaked

OURS = OwnChains(chains=frozenset({"dream-1"}), run_root=PurePosixPath("/run/inception"))
THEIRS = "b1501ee1c3d879236ce487237a719a1165465e4cf6f94561cc648f27779112e5"
GONE = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
CONTAINER = Thing("container", f"{THEIRS[:12]} ['/web'] running")
OUR_LEVEL = Thing("container", "aaaaaaaaaaaa ['/inception-dream-1-1'] exited")
OLD = Thing("link", "eth0")


@pytest.mark.parametrize(
    "thing",
    [
        Thing("link", "veth1234567"),
        Thing("mount", "/run/left (tmpfs)"),
        Thing("volume", GONE),
        Thing("control group", f"/sys/fs/cgroup/pids/docker/{GONE}"),
        Thing("process", f"7 started at 9: containerd-shim -id {GONE}"),
        Thing("loop device", "loop0 on /left"),
        Thing("process", "8 started at 9: python3 -m inception.level 1"),
        Thing("run directory entry", "/run/inception/dream-1/plan.json"),
        OUR_LEVEL,
    ],
)
def test_every_new_thing_on_a_quiet_host_is_a_leak(thing: Thing) -> None:
    assert leaked([OLD], [OLD, thing], OURS) == {thing}


@pytest.mark.parametrize(
    "thing",
    [
        CONTAINER,
        Thing("control group", f"/sys/fs/cgroup/pids/docker/{THEIRS}"),
        Thing("process", f"7 started at 9: containerd-shim -id {THEIRS}"),
        Thing("process", f"9 started at 9: containerd-shim -id {GONE} -address /run/containerd/containerd.sock"),
        Thing("link", "veth1234567"),
        Thing("rule", "iptables: -A DOCKER -d 172.17.0.3/32"),
    ],
)
def test_things_of_anothers_container_are_no_leaks(thing: Thing) -> None:
    assert leaked([OLD], [OLD, CONTAINER, thing], OURS) == frozenset()


@pytest.mark.parametrize(
    "thing",
    [
        Thing("run directory entry", "/run/inception/other/plan.json"),
        Thing("process", "8 started at 9: python3 -m inception.level 1 /run/inception/other/1/runner.log"),
        Thing("process", "8 started at 9: /venv/bin/python3 /venv/bin/inception --depth 2 -- hostname"),
    ],
)
def test_things_of_another_chain_are_no_leaks(thing: Thing) -> None:
    assert leaked([OLD], [OLD, thing], OURS) == frozenset()


@pytest.mark.parametrize(
    "thing",
    [
        Thing("run directory entry", "/run/inception/dream-1"),
        Thing("process", "8 started at 9: tini /run/inception/dream-1/payload 1"),
        OUR_LEVEL,
        Thing("control group", f"/sys/fs/cgroup/pids/docker/{GONE}"),
    ],
)
def test_things_of_our_chain_are_leaks_beside_anothers_container(thing: Thing) -> None:
    assert leaked([OLD], [OLD, CONTAINER, thing], OURS) == {thing}


def test_anothers_container_from_before_excuses_no_leak() -> None:
    link = Thing("link", "veth1234567")
    assert leaked([OLD, CONTAINER], [OLD, CONTAINER, link], OURS) == {link}


def test_removed_thing_is_no_leak() -> None:
    assert leaked([OLD, CONTAINER], [], OURS) == frozenset()


def test_chain_whose_name_only_begins_alike_is_anothers() -> None:
    entry = Thing("run directory entry", "/run/inception/dream-12/plan.json")
    level = Thing("container", "aaaaaaaaaaaa ['/inception-dream-12-1'] running")
    assert leaked([], [entry, level], OURS) == frozenset()
