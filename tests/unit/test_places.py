"""The run root in a place that users share, prepared beforehand by another user: real users, by setresuid(2)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inception import places
from inception.errors import InceptionError

OWNER, OTHER = 64_001, 64_002
"""User ids that no account has."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two other users")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a directory like /tmp, in which the run root of OWNER belongs."""
    monkeypatch.delenv("INCEPTION_RUN_ROOT", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o1777)
        monkeypatch.setattr(places, "_SHARED_PLACE", Path(directory))
        yield Path(directory)


def as_user(user: int, act: Callable[[], object]) -> str:
    """Return what `act` returns as `user`, in a process of its own, or the error that it raises, as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            said = str(act())
        except BaseException as error:  # noqa: BLE001 - it goes to the parent
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def make_run_root() -> Path:
    root = places.run_root()
    places.make_private(root)
    return root


def test_a_user_without_a_session_gets_a_directory_that_others_cannot_enter(shared: Path) -> None:
    own = shared / f"inception-{OWNER}"
    assert as_user(OWNER, make_run_root) == str(own)
    found = own.stat()
    assert (found.st_uid, found.st_mode & 0o7777) == (OWNER, 0o700)
    assert as_user(OTHER, lambda: list(own.iterdir())).startswith("PermissionError")
    assert as_user(OTHER, (own / "plan.json").read_text).startswith("PermissionError")
    assert as_user(OTHER, own.rmdir).startswith("PermissionError")
    assert as_user(OTHER, lambda: own.rename(shared / "mine")).startswith("PermissionError")


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777])
def test_a_directory_that_another_user_has_made_is_refused(shared: Path, mode: int) -> None:
    prepared = shared / f"inception-{OWNER}"

    def prepare() -> None:
        prepared.mkdir()
        prepared.chmod(mode)

    assert as_user(OTHER, prepare) == "None"
    assert as_user(OWNER, make_run_root) == (
        f"{InceptionError.__name__}: {prepared} is not a directory that only this user can enter: "
        "have it removed, or name another run root with INCEPTION_RUN_ROOT"
    )


def test_a_link_that_another_user_has_made_is_not_followed(shared: Path) -> None:
    prepared, target = shared / f"inception-{OWNER}", shared / "target"
    assert as_user(OWNER, lambda: target.mkdir(mode=0o700)) == "None"
    assert as_user(OTHER, lambda: prepared.symlink_to(target)) == "None"
    assert "is not a directory that only this user can enter" in as_user(OWNER, make_run_root)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo], ids=["file", "pipe"])
def test_a_file_or_a_pipe_that_another_user_has_made_is_refused(shared: Path, make: Callable[[Path], None]) -> None:
    prepared = shared / f"inception-{OWNER}"
    assert as_user(OTHER, lambda: make(prepared)) == "None"
    assert "is not a directory that only this user can enter" in as_user(OWNER, make_run_root)


def test_an_own_directory_that_was_opened_to_others_is_refused(shared: Path) -> None:
    assert as_user(OWNER, lambda: (shared / f"inception-{OWNER}").mkdir(mode=0o755)) == "None"
    assert "is not a directory that only this user can enter" in as_user(OWNER, make_run_root)


def test_a_place_that_the_user_names_is_taken_as_it_is(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = shared / "named"
    as_user(OTHER, lambda: named.mkdir(mode=0o777))
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(named))
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(named))
    assert as_user(OWNER, make_run_root) == str(named)
    assert as_user(OWNER, places.state_directory) == str(named)
