from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from inception.level.early.runc import install_runc


def test_runc_gets_its_arguments_and_collects_no_garbage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, wrapped = tmp_path / "usual", tmp_path / "made" / "bin"
    real.mkdir()
    (real / "runc").write_text('#!/bin/sh\necho "$GOGC" "$#" "$2"\nexit 3\n')
    (real / "runc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{real}{os.pathsep}{os.environ['PATH']}")
    for _ in range(2):  # A level's container may start twice.
        install_runc(str(wrapped))
    done = subprocess.run([wrapped / "runc", "create", "a b"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "off 2 a b\n")


def test_without_a_runc_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    install_runc(str(tmp_path / "bin"))
    assert list(tmp_path.iterdir()) == []
