from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from inception.image.staging import staging_directory

KILLED = """
import os, signal
from inception.image.staging import staging_directory
with staging_directory() as directory:
    (directory / "large").write_text("half a root")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_the_staging_directory_is_removed(temporary: Path) -> None:
    with staging_directory() as directory:
        (directory / "recipe").mkdir()
        assert directory.parent == temporary
        assert directory.stat().st_mode & 0o777 == 0o755
    assert list(temporary.iterdir()) == []


def test_the_staging_directory_of_a_failed_build_is_removed(temporary: Path) -> None:
    def fail() -> None:
        with staging_directory() as directory:
            (directory / "recipe").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(temporary.iterdir()) == []


def test_the_next_build_removes_the_directory_of_a_killed_one(temporary: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    [left] = temporary.iterdir()
    assert (left / "large").exists()
    with staging_directory():
        assert not left.exists()
    assert list(temporary.iterdir()) == []


def test_a_build_that_is_running_keeps_its_directory(temporary: Path) -> None:
    with staging_directory() as first, staging_directory() as second:
        assert first != second
        assert sorted(temporary.iterdir()) == sorted((first, second))


def test_files_of_other_users_stay(temporary: Path) -> None:
    (temporary / "inception-image-notes").write_text("no directory")
    (temporary / "elsewhere").mkdir()
    (temporary / "inception-image-link").symlink_to(temporary / "elsewhere")
    with staging_directory():
        pass
    assert sorted(path.name for path in temporary.iterdir()) == [
        "elsewhere",
        "inception-image-link",
        "inception-image-notes",
    ]
