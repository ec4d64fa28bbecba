from __future__ import annotations

import os
from pathlib import Path

from inception.stress.loop_devices import seen_devices, visible

DISK = os.makedev(254, 0)
OTHER = os.makedev(0, 70)


def loop(number: int) -> int:
    return os.makedev(7, number)


def test_device_with_its_file_on_a_mounted_file_system_is_visible() -> None:
    assert list(visible({"loop0": DISK}, frozenset({DISK}))) == ["loop0"]


def test_device_with_its_file_on_a_file_system_mounted_elsewhere_is_not_visible() -> None:
    assert not list(visible({"loop0": OTHER}, frozenset({DISK})))


def test_device_is_visible_through_another_one() -> None:
    files = {"loop0": DISK, "loop1": loop(0), "loop2": loop(1), "loop3": OTHER, "loop4": loop(3)}
    assert list(visible(files, frozenset({DISK}))) == ["loop0", "loop1", "loop2"]


def test_device_that_cannot_be_asked_is_visible() -> None:
    assert list(visible({"loop0": None, "loop1": loop(0)}, frozenset())) == ["loop0", "loop1"]


def test_devices_that_name_each_other_end() -> None:
    assert not list(visible({"loop0": loop(1), "loop1": loop(0)}, frozenset({DISK})))


def test_seen_devices_are_those_of_mountinfo_and_of_stat() -> None:
    line = "1 0 254:3 / / rw - ext4 /dev/vda rw"
    assert seen_devices(line) == {os.makedev(254, 3), Path("/").stat().st_dev}
