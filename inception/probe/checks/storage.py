"""Checks of the data-roots' storage: overlay, disk, loop devices."""

from __future__ import annotations

from inception.plan.facts import HostFacts
from inception.plan.formats.size import GIB, show_size
from inception.probe.checks.check import Check, CheckResult, failed, passed, skipped, warned
from inception.probe.checks.needs import of_host
from inception.probe.doctor_facts import DoctorFacts

_LEAST_DISK = 3 * GIB // 2
"""Bytes of the image, its seed and the archive in it, 460 MB each."""
_AMPLE_DISK = 4 * GIB
_FEW_INODES = 100_000
_LEAST_INODES = 20_000


def _judge_overlay(host: HostFacts) -> CheckResult:
    if host.data_root_carries_overlay:
        return passed("an overlay on it works, so levels get volumes")
    return warned("it carries no overlay; level 1 gets an ext4 image on a loop device", "inception --storage loopback")


def _judge_disk(host: HostFacts) -> CheckResult:
    if host.disk_free is None:
        return skipped("the data-root is not visible from here")
    free, measured = host.disk_free, f"{show_size(host.disk_free)} free"
    if host.image_disk_free is not None:
        free = min(free, host.image_disk_free)
        measured += f", and {show_size(host.image_disk_free)} where containerd keeps the images"
    remedy = "docker system df; inception image ls"
    if free < _LEAST_DISK:
        return failed(measured, remedy)
    return warned(measured, remedy) if free < _AMPLE_DISK else passed(measured)


def _judge_inodes(host: HostFacts) -> CheckResult:
    if host.inodes_free is None:
        return skipped("the file system makes them as needed, or is not visible from here")
    free, measured = host.inodes_free, f"{host.inodes_free} free"
    if host.image_inodes_free is not None:
        free = min(free, host.image_inodes_free)
        measured += f", and {host.image_inodes_free} where containerd keeps the images"
    remedy = "docker system df; df -i"
    if free < _LEAST_INODES:
        return failed(measured, remedy)
    return warned(measured, remedy) if free < _FEW_INODES else passed(measured)


def _judge_loop(facts: DoctorFacts) -> CheckResult:
    if facts.limits is None or facts.host is None:
        return skipped(facts.machine_error or "not read")
    loop = facts.limits.loop
    if loop.driver:
        node = "" if loop.control_node else "; /dev/loop-control is missing, levels make their own"
        return passed(f"the driver is there, {len(loop.attached)} in use{node}")
    if facts.host.data_root_carries_overlay:
        return warned("the driver is not loaded; only --storage loopback needs it", "modprobe loop")
    return failed("the driver is not loaded, and the data-root carries no overlay", "modprobe loop")


STORAGE_CHECKS = (
    Check(
        name="overlay",
        why="An engine stacks overlays on its data-root, and an overlay cannot be the upper directory of another.",
        judge=of_host(_judge_overlay),
    ),
    Check(
        name="disk",
        why="The image is there twice and its archive once; levels share them and add little, unless they load it.",
        judge=of_host(_judge_disk),
    ),
    Check(
        name="inodes",
        why="A file system that has room but no inodes left is full.",
        judge=of_host(_judge_inodes),
    ),
    Check(
        name="loop-devices",
        why="Where volumes carry no overlay, data-roots are ext4 images on loop devices.",
        judge=_judge_loop,
    ),
)
