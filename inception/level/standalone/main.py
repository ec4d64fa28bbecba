"""`python -m inception.level.standalone.main [COMMAND...]`: run an engine in a container that a user started.

It prepares the container as a runner prepares a level, boots the engine, runs the command (or a login shell, or just
the engine where PORT is set), and stops everything within the 10 s that `docker stop` gives.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from inception.level.engine.daemons import image_settings
from inception.level.failure import PhaseError
from inception.level.mailbox import Mailbox
from inception.level.shutdown import EndOfLevel, Shutdown
from inception.level.standalone.engine import StandaloneEngine
from inception.level.standalone.foreground import CannotRun, run_in_foreground
from inception.level.standalone.names import start_forwarder
from inception.level.standalone.settings import DEFAULT_SIZE, StandaloneSettings, WrongSetting
from inception.level.storage import make_image, mend_image, mount_image, unmount_image
from inception.linux import cgroups, fds
from inception.linux.capabilities import held
from inception.linux.iptables import choose_iptables
from inception.linux.mounts import MountPoint, RemountWritable, ShareMounts, parse_mountinfo
from inception.linux.overlay import carries_overlay
from inception.plan.chain import CgroupNamespace
from inception.plan.light_dataclasses import replace
from inception.plan.paths import DATA_ROOT

_DATA_ROOT = Path(DATA_ROOT)
_IMAGE = _DATA_ROOT / "data-root.ext4"
"""The image lies where it is mounted, in the container's own file system: a container started again still has it."""
_STATE = ("docker", "docker.pid", "docker.sock", "containerd")
"""State of the daemons in /run: a container started again still has it, while process numbers start anew."""
_SHELL = ("bash", "--login")
_NEEDED = ("SYS_ADMIN", "NET_ADMIN")
"""Capabilities that `docker run` does not give by default."""
_OPTIONS = (
    "docker run with --privileged, or with --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined"
    " --security-opt apparmor=unconfined --device-cgroup-rule 'a *:* rwm'"
)
_EXIT_FAILED = 125
_EXIT_STOPPED = 128 + signal.SIGTERM
_COMMAND_GRACE_S = 2.0


class CannotServe(Exception):
    """This container cannot have an engine; the message names the reason and the remedy in one line."""


def main() -> None:
    """Run the container, and report its failure in one line."""
    fds.close_inherited()
    try:
        status = run(sys.argv[1:], StandaloneSettings.from_environment(os.environ))
    except (WrongSetting, CannotServe) as error:
        _report(f"error: {error}")
        status = _EXIT_FAILED
    except CannotRun as error:
        _report(f"error: {error}")
        status = error.status
    sys.exit(status)


def run(command: Sequence[str], settings: StandaloneSettings) -> int:
    """Run `command` beside an engine; return its exit status. Raises CannotServe or CannotRun."""
    shutdown = Shutdown()
    engine = None
    on_image = False
    serving = not command and settings.port is not None
    try:
        on_image = prepare(settings.storage_size)
        engine = StandaloneEngine(_with_names(settings), _DATA_ROOT)
        _boot(engine)
        engine.watch(shutdown if serving else None, _report)
        if serving:
            _wait_for_signals()
        return run_in_foreground(command or _SHELL, grace_s=_COMMAND_GRACE_S)
    except EndOfLevel:
        if shutdown.broken:
            return _EXIT_FAILED
        return 0 if serving else _EXIT_STOPPED
    finally:
        shutdown.unwind_now()
        if engine is not None:
            engine.stop(_report)
        # A volume may lie on a loop device, too: that one is not ours.
        if on_image:
            with _translated("what is mounted ends with this container"):
                unmount_image(_DATA_ROOT)


def _with_names(settings: StandaloneSettings) -> StandaloneSettings:
    """Return `settings` with which the containers inside resolve what this container resolves."""
    try:
        added = start_forwarder(image_settings(), settings.daemon_arguments)
    except ValueError:  # The engine's boot names the file.
        return settings
    except (PhaseError, OSError) as error:
        _report(f"warning: containers here cannot resolve the names of this network: {error}")
        return settings
    return replace(settings, daemon_arguments=(*added, *settings.daemon_arguments))


def _boot(engine: StandaloneEngine) -> None:
    with _translated("see its log above, and check DOCKER_DAEMON_ARGS"):
        try:
            engine.boot(_report)
        except PhaseError:
            # The log files end with this container.
            sys.stderr.writelines(f"    {line}\n" for line in engine.log_tail())
            raise


def _wait_for_signals() -> NoReturn:
    mailbox = Mailbox()
    while True:
        mailbox.wait(None)


def prepare(storage_size: int | None) -> bool:
    """Make this container fit for an engine; return whether its data are on an image of ours. Raises CannotServe."""
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    with _translated(_OPTIONS):
        _check_capabilities()
        _open_settings(mounts)
        choose_iptables()
    _clear_state(mounts)
    with _translated(f"give it a volume at {_DATA_ROOT}, room, and {_OPTIONS}"):
        on_image = _open_data_root(storage_size)
    with _translated(_OPTIONS):
        ShareMounts(target=Path("/")).execute()
    return on_image


def _check_capabilities() -> None:
    if missing := [f"CAP_{name}" for name in _NEEDED if name not in held()]:
        raise PhaseError(f"an engine needs {' and '.join(missing)}")


def _open_settings(mounts: Sequence[MountPoint]) -> None:
    """Make settings and control groups writable. Raises OSError."""
    for mount in mounts:
        if mount.target in {Path("/sys"), Path("/proc/sys")}:
            RemountWritable(target=mount.target).execute()
    # By default `docker run` gives no namespace of its own on v1: see `take_namespace`.
    cgroups.open_hierarchies(CgroupNamespace.PRIVATE, mounts)


def _open_data_root(size: int | None) -> bool:
    """Mount an ext4 of `size` bytes on the data-root; without a size only if no overlay can lie on it otherwise.

    Return whether one is mounted.
    """
    _DATA_ROOT.mkdir(parents=True, exist_ok=True)
    if _IMAGE.exists():
        mend_image(_IMAGE)
    elif size is not None or not carries_overlay(_DATA_ROOT):
        make_image(_IMAGE, DEFAULT_SIZE if size is None else size)
    else:
        return False
    mount_image(_IMAGE, _DATA_ROOT)
    return True


def _clear_state(mounts: Sequence[MountPoint]) -> None:
    """Remove the daemons' state of the container's last run. Raises CannotServe if it is mounted from outside."""
    for path in (Path("/run", name) for name in _STATE):
        if foreign := foreign_mount(path, mounts):
            raise CannotServe(f"{foreign} is mounted here, and the engine inside needs {path}: remove that mount")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def foreign_mount(path: Path, mounts: Sequence[MountPoint]) -> Path | None:
    """Return the mount that `path`, or something below it, comes from; None if it is the container's own."""
    for target in (mount.target for mount in mounts if mount.target != Path("/")):
        if target.is_relative_to(path) or (path.is_relative_to(target) and path.exists()):
            return target
    return None


@contextmanager
def _translated(remedy: str) -> Iterator[None]:
    """Turn PhaseError and OSError into CannotServe with this remedy."""
    try:
        yield
    except (PhaseError, OSError) as error:
        raise CannotServe(f"{' '.join(str(error).split())}: {remedy}") from error


def _report(line: str) -> None:
    sys.stderr.write(f"inception: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
