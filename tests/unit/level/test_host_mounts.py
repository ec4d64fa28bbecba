from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from inception.level.host_mounts import make_target, operations
from inception.linux.mounts import BindRecursively, MakeReadOnly, MountPoint
from inception.plan.engine.options import LevelRange
from inception.plan.mounts import HostMount
from tests.factories.plans import plan

CARRIED = Path("/var/lib/inception/mounts")
MOUNT = HostMount(levels=LevelRange(), source="/a", target="/srv/a")
PLAN = plan(
    mounts=(
        replace(MOUNT, target="/srv/a/inner", levels=LevelRange(first=2), read_only=True),
        MOUNT,
        replace(MOUNT, levels=LevelRange(first=3), target="/data", read_only=True),
    )
)
BELOW_READ_ONLY = MountPoint(
    root=Path("/"), target=CARRIED / "0/below", filesystem="tmpfs", source="tmpfs", super_options=("rw",)
)
BELOW_WRITABLE = replace(BELOW_READ_ONLY, target=CARRIED / "1/below")


def bound(number: int) -> list[tuple[int, str]]:
    found = [it for it in operations(PLAN, number, ()) if isinstance(it, BindRecursively)]
    return [(int(it.source.relative_to(CARRIED).name), str(it.target)) for it in found]


def test_a_level_has_the_mounts_of_its_range_outer_targets_first() -> None:
    assert bound(1) == [(1, "/srv/a")]
    assert bound(2) == [(1, "/srv/a"), (0, "/srv/a/inner")]
    assert bound(4) == [(2, "/data"), (1, "/srv/a"), (0, "/srv/a/inner")]


def test_level_1_alone_makes_mounts_below_a_read_only_one_read_only() -> None:
    mounts = (BELOW_READ_ONLY, BELOW_WRITABLE)
    assert [it for it in operations(PLAN, 1, mounts) if isinstance(it, MakeReadOnly)] == [
        MakeReadOnly(target=CARRIED / "0")
    ]
    assert not [it for it in operations(PLAN, 2, mounts) if isinstance(it, MakeReadOnly)]
    assert not [it for it in operations(PLAN, 1, ()) if isinstance(it, MakeReadOnly)]


def test_a_target_is_of_the_source_s_kind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    make_target(tmp_path, tmp_path / "deep/directory")
    make_target(tmp_path / "file", tmp_path / "deep/file")
    assert (tmp_path / "deep/directory").is_dir()
    assert (tmp_path / "deep/file").read_text() == ""


def test_operations_name_the_equivalent_commands() -> None:
    assert [it.describe() for it in operations(PLAN, 1, (BELOW_READ_ONLY,))] == [
        "mount -o remount,bind,ro=recursive /var/lib/inception/mounts/0",
        "mount --rbind /var/lib/inception/mounts/1 /srv/a",
    ]
