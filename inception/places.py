"""Directories on this machine: the run root, with one directory a chain, and the state directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from inception.errors import InceptionError
from inception.linux import flock

_PRIVATE = 0o700
_OTHERS = 0o077
_SHARED_PLACE = Path("/tmp")  # noqa: S108 - each user has a directory there, and it is checked
"""Parent of the run roots of users without a login session. TMPDIR may differ between two programs."""
_WITHIN_RUN_ROOT = ".state"
"""The state directory of a user without a home; no chain can have that name."""


def run_root() -> Path:
    """Return the run root: INCEPTION_RUN_ROOT, or the system's or the user's directory for run-time files.

    A user without a login session (su, cron, CI) has no /run/user/UID, and gets a directory of their own in /tmp.
    Raises InceptionError if other users can enter that one.
    """
    if configured := os.environ.get("INCEPTION_RUN_ROOT"):
        return Path(configured).absolute()
    user = os.geteuid()
    if user == 0:
        return Path("/run/inception")
    for place in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{user}"):
        if place and _is_own(Path(place)):
            return Path(place, "inception")
    _check_shared()
    return _in_shared_place()


def _in_shared_place() -> Path:
    return _SHARED_PLACE / f"inception-{os.geteuid()}"


def state_directory() -> Path:
    """Return the state directory, kept between chains: INCEPTION_STATE_DIR, or the usual one of system or user."""
    if configured := os.environ.get("INCEPTION_STATE_DIR"):
        return Path(configured).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/inception")
    usual = _usual_state(os.environ)
    return run_root() / _WITHIN_RUN_ROOT if usual is None else usual / "inception"


def _usual_state(environment: Mapping[str, str]) -> Path | None:
    """Return the user's directory for state, or None if it cannot be made."""
    if configured := environment.get("XDG_STATE_HOME"):
        return Path(configured)
    try:
        place = Path.home() / ".local/state"
    except RuntimeError:  # Neither HOME nor an entry in /etc/passwd.
        return None
    nearest = next(path for path in (place, *place.parents) if path.exists())
    return place if os.access(nearest, os.W_OK | os.X_OK) else None


def make_private(directory: Path) -> None:
    """Make `directory` and its missing parents, open to this user alone. Raises InceptionError."""
    # Path.mkdir does not give `mode` to the parents that it makes.
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        for path in reversed(missing):
            path.mkdir(mode=_PRIVATE, exist_ok=True)
    except OSError as error:
        raise InceptionError(
            f"cannot make directory {directory}: {error.strerror}",
            remedy="give rights or make room there, or name another with INCEPTION_RUN_ROOT or INCEPTION_STATE_DIR",
        ) from error
    if directory == _in_shared_place():
        _check_shared()


def _check_shared() -> None:
    """Raise InceptionError if the user's directory in /tmp belongs to another user or is open to others."""
    directory = _in_shared_place()
    if not os.path.lexists(directory):
        return
    found = directory.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & _OTHERS:
        raise InceptionError(
            f"{directory} is not a directory that only this user can enter",
            remedy="have it removed, or name another run root with INCEPTION_RUN_ROOT",
        )


def _is_own(directory: Path) -> bool:
    try:
        return directory.is_dir() and directory.stat().st_uid == os.geteuid() and os.access(directory, os.W_OK)
    except OSError:
        return False


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the exclusive lock `name` of the state directory inside the block, so that processes take turns.

    Raises InceptionError if the directory cannot be made.
    """
    directory = state_directory()
    make_private(directory)
    with flock.held(directory / name):
        yield
