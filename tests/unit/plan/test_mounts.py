from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from inception.chain.inputs.mounts import read_mounts
from inception.errors import UsageError
from inception.plan.engine.options import LevelRange
from inception.plan.mounts import HostMount, needed_by_levels, parse_mount
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal
from inception.plan.run_root import RunRootSource
from tests.factories.plans import ENGINE, FACTS, plan, request

MOUNT = HostMount(levels=LevelRange(), source="/a", target="/b")


@pytest.mark.parametrize(
    ("text", "levels", "rest"),
    [
        ("/a:/b", "1-", ("/a", "/b", False)),
        ("/a:/b:ro", "1-", ("/a", "/b", True)),
        ("/a:/b:rw", "1-", ("/a", "/b", False)),
        ("2=/a:/b", "2", ("/a", "/b", False)),
        ("2-4=./a:/b:ro", "2-4", ("./a", "/b", True)),
        ("3-=/a=1:/b", "3-", ("/a=1", "/b", False)),
    ],
)
def test_a_mount_has_levels_a_source_a_target_and_a_mode(text: str, levels: str, rest: tuple[str, str, bool]) -> None:
    mount = parse_mount(text)
    assert (str(mount.levels), mount.source, mount.target, mount.read_only) == (levels, *rest)
    assert parse_mount(str(mount)) == mount


@pytest.mark.parametrize("text", ["", "/a", "/a:", ":/b", "/a:/b:no", "/a:/b:ro:ro", "0=/a:/b", "4-2=/a:/b"])
def test_what_is_no_mount_is_named_with_its_form(text: str) -> None:
    with pytest.raises(UsageError, match="are no levels" if "=" in text else "is not") as caught:
        read_mounts([text])
    assert repr(text) in caught.value.message
    assert "2-=/data:/data:ro" in str(caught.value.remedy)


def test_a_source_is_made_absolute_and_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    assert [it.source for it in read_mounts(["src:/src"], here=True)] == [f"{tmp_path}/src", str(tmp_path)]
    assert read_mounts([], here=True)[0].target == str(tmp_path)
    with pytest.raises(UsageError, match=f"mount 2=gone:/gone: there is no {tmp_path}/gone"):
        read_mounts(["2=gone:/gone"])


@pytest.mark.parametrize(
    "target", ["/", "/usr", "/etc", "/run", "/proc/1", "/dev/shm", "/var/lib", "/var/lib/docker/x"]
)
def test_a_target_that_a_level_needs_is_refused(target: str) -> None:
    with pytest.raises(Refusal, match=f"mount target {target} would hide /"):
        plan(mounts=(replace(MOUNT, target=target),))


@pytest.mark.parametrize("target", ["/srv", "/root/src", "/usr/local/src", "/run/src", "/etc/docker/certs.d", "/tmp/a"])
def test_other_targets_are_free(target: str) -> None:
    assert needed_by_levels(PurePosixPath(target), "/run/inception") is None


@pytest.mark.parametrize(
    ("mounts", "said"),
    [
        ((replace(MOUNT, target="b"),), "mount target b is not an absolute path"),
        ((replace(MOUNT, target="/b/../etc"),), "is not an absolute path"),
        ((MOUNT, replace(MOUNT, source="/c", target="/b/")), "/a and /c have the same target /b"),
        ((replace(MOUNT, target="/run/inception/x"),), "mount target /run/inception/x would hide the run root"),
        ((replace(MOUNT, levels=LevelRange(first=5, last=5)),), "there is no level 5 in a chain of depth 4"),
    ],
)
def test_mounts_that_cannot_be_are_refused(mounts: tuple[HostMount, ...], said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        plan(mounts=mounts)
    assert caught.value.usage


def test_the_same_target_in_different_levels_is_no_conflict() -> None:
    first, second = LevelRange(first=1, last=1), LevelRange(first=2)
    made = plan(mounts=(replace(MOUNT, levels=first), replace(MOUNT, source="/c", levels=second)))
    assert [it.source for it in made.mounts] == ["/a", "/c"]


def test_a_far_engine_does_not_see_this_machine_s_files() -> None:
    far = replace(FACTS, engine=replace(ENGINE, local=False, endpoint="tcp://far:2376"))
    with pytest.raises(Refusal, match="the engine at tcp://far:2376 does not see this machine's files") as caught:
        plan_chain(request(mounts=(MOUNT,)), far)
    assert "inception cp" in caught.value.remedy
    contained = replace(FACTS, run_root_source=RunRootSource(path="/elsewhere"))
    with pytest.raises(Refusal, match="does not see this machine's files"):
        plan_chain(request(mounts=(MOUNT,)), contained)
