from __future__ import annotations

from pathlib import Path

import pytest

from inception.level.standalone.main import foreign_mount
from inception.linux.capabilities import held
from inception.linux.mounts import MountPoint


def _mounts(*targets: str) -> tuple[MountPoint, ...]:
    return tuple(
        MountPoint(root=Path("/"), target=Path(target), filesystem="tmpfs", source="tmpfs", super_options=())
        for target in targets
    )


def test_a_directory_of_the_container_is_no_foreign_mount(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    assert foreign_mount(tmp_path / "docker", _mounts("/", "/proc", "/somewhere/else", f"{tmp_path}/dock")) is None


@pytest.mark.parametrize("mounted", ["", "/docker", "/docker/plugins"])
def test_a_mount_at_or_below_a_path_is_foreign(tmp_path: Path, mounted: str) -> None:
    (tmp_path / "docker").mkdir()
    assert foreign_mount(tmp_path / "docker", _mounts("/", f"{tmp_path}{mounted}")) == Path(f"{tmp_path}{mounted}")


def test_a_mount_above_without_the_path_is_not_foreign(tmp_path: Path) -> None:
    assert foreign_mount(tmp_path / "docker", _mounts("/", str(tmp_path))) is None


def test_capabilities_are_read_from_the_effective_mask() -> None:
    status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t0000000000201000\nCapBnd:\t000001ffffffffff\n"
    assert held(status) == ("NET_ADMIN", "SYS_ADMIN")
