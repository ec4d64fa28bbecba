"""Prepare the namespaces that `run` made, and run the command there: the first process of its PID namespace."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from inception.engine.private.cgroups import thaw
from inception.engine.private.kernel import bind
from inception.linux.cgroups import hierarchy_name
from inception.linux.mounts import MountPoint, parse_mountinfo
from inception.places import state_directory
from tests.cache import ENGINES
from tests.isolated.rest import DISK, MEMORY, keep_engine_at_rest
from tests.isolated.slot import LOCKS

OLD_ROOT = Path("/old-root-of-tests")
_STATE = tuple(Path("/var/lib", name) for name in ("inception", "docker", "containerd", "containers", "cni"))
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))
_OPEN_TO_ALL = 0o1777
_SETTLE_S = 30.0
_POLL_S = 0.1


def main(arguments: list[str]) -> int:
    """Run the command of `arguments`, after the checkout's directory, the disk and the place to save it, if any."""
    checkout, disk, save, *command = arguments
    here = Path.cwd()
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    disk_file, mounted = _mount_disk(Path(disk))
    ENGINES.mkdir(parents=True, exist_ok=True)
    shown = (Path(checkout), LOCKS, ENGINES, *((Path(save).parent,) if save else ()))
    kept = [(path, os.open(path, os.O_PATH)) for path in shown]
    _enter_own_root(mounted)
    _cover(mounted)
    keep_engine_at_rest(state_directory() / "engine")
    for path, descriptor in kept:
        path.mkdir(parents=True, exist_ok=True)
        bind(Path(f"/proc/self/fd/{descriptor}"), path)
        os.close(descriptor)
    _show_own_kernel_state([it for it in mounts if it.filesystem in {"cgroup", "cgroup2"}])
    _mount_away(OLD_ROOT)
    os.chdir(here)
    status = _run(command)
    thaw("")  # What is frozen would not end with this process.
    if save and status == 0:
        _wait_until_alone()
        # Its other mounts keep it in use: unmounting this one writes nothing back.
        subprocess.run(("sync", "--file-system", mounted), check=True)
        subprocess.run(("umount", mounted), check=True)
        subprocess.run(("cp", "--sparse=always", disk_file, save), check=True)
    return status


def _mount(*arguments: str) -> None:
    subprocess.run(("mount", *arguments), check=True)


def _mount_disk(template: Path) -> tuple[Path, Path]:
    """Mount a copy of `template` that lies in memory; return the copy and its mount point."""
    _mount("-t", "tmpfs", "-o", "size=75%,mode=700", "tmpfs", str(MEMORY))
    copy, mounted = MEMORY / "disk.ext4", DISK
    subprocess.run(("cp", "--sparse=always", template, copy), check=True)
    mounted.mkdir()
    _mount("-o", "loop,discard,noinit_itable", str(copy), str(mounted))
    return copy, mounted


def _enter_own_root(disk: Path) -> None:
    """Enter a root that shows the host's, and takes every change itself: whatever a test removes, the host keeps.

    The file systems mounted on the host are not in it, but for /dev, the memory and the disk.
    """
    upper, work, root = (disk / name for name in ("changes", "work", "root"))
    for directory in (upper, work, root):
        directory.mkdir(exist_ok=True)
    _mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", "overlay", str(root))
    for place, how in ((Path("/dev"), "--rbind"), (Path("/proc"), "--rbind"), (MEMORY, "--bind"), (disk, "--bind")):
        _mount(how, str(place), f"{root}{place}")
    (root / OLD_ROOT.name).mkdir()
    os.chdir(root)
    subprocess.run(("pivot_root", ".", OLD_ROOT.name), check=True)
    os.chdir("/")


def _mount_away(old: Path) -> None:
    subprocess.run(("umount", "--lazy", old), check=True)
    old.rmdir()


def _cover(disk: Path) -> None:
    """Put empty directories of `disk` in place of the host's for state, temporary and run-time files."""
    for path in (*_STATE, *_TEMPORARY):
        ours = disk / path.relative_to("/")
        ours.mkdir(parents=True, exist_ok=True)
        if path in _TEMPORARY:
            ours.chmod(_OPEN_TO_ALL)
        path.mkdir(parents=True, exist_ok=True)
        _mount("--bind", str(ours), str(path))
    names = Path("/etc/resolv.conf").read_text() if Path("/etc/resolv.conf").exists() else ""
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")
    if not (resolved := Path("/etc/resolv.conf").resolve()).exists():  # It was a link into /run.
        resolved.parent.mkdir(parents=True, exist_ok=True)
        resolved.write_text(names)


def _show_own_kernel_state(groups: list[MountPoint]) -> None:
    """Mount the kernel's file systems anew: each shows the namespaces of whoever mounts it."""
    _mount("-t", "proc", "proc", "/proc")
    _mount("-t", "sysfs", "sysfs", "/sys")
    if any(mount.filesystem == "cgroup" for mount in groups):
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/sys/fs/cgroup")
    for mount in groups:
        mount.target.mkdir(exist_ok=True)
        options = ("-o", hierarchy_name(mount)) if mount.filesystem == "cgroup" else ()
        _mount("-t", mount.filesystem, *options, mount.filesystem, str(mount.target))


def _run(command: list[str]) -> int:
    """Run `command` and wait for every process that ends meanwhile, as an init does; return the command's status."""
    process = subprocess.Popen(command)
    while True:
        try:
            number, status = os.wait()
        except KeyboardInterrupt:
            continue
        if number == process.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _wait_until_alone() -> None:
    """Wait until all other processes have ended: a private engine stops by itself. Raises TimeoutError."""
    deadline = time.monotonic() + _SETTLE_S
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(_POLL_S)
        except ChildProcessError:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes still run after {_SETTLE_S:g} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
