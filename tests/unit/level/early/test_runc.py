from __future__ import annotations

import json
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


def test_dockerds_network_hook_is_replaced_in_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runc").write_text('#!/bin/sh\ncat "$5/config.json"\n')
    (tmp_path / "runc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    made, bundle = tmp_path / "bin", tmp_path / "a bundle"
    install_runc(str(made))
    usual = ["libnetwork-setkey", "-exec-root=/var/run/docker", "c1", "n1"]
    others = [{"path": "/proc/7/exe", "args": ["another"]}, {"path": "/bin/hook", "args": ["libnetwork-setkey"]}]
    hooks = [{"path": "/proc/9/exe", "args": usual}, *others]
    spec = {"process": {"args": ["echo", 'a"b|c']}, "hooks": {"prestart": hooks}}
    bundle.mkdir()
    (bundle / "config.json").write_text(json.dumps(spec, separators=(",", ":")))
    command = (made / "runc", "--root", "/run/r", "create", "--bundle", bundle, "c1")
    read = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    program = ["python3", "-ISB", f"{made}/set_network_key.py", "/proc/9/exe"]
    assert read["hooks"]["prestart"] == [{"path": "/usr/bin/python3", "args": program + usual}, *others]
    assert read["process"] == spec["process"]
    assert (made / "set_network_key.py").is_file()


def test_without_a_runc_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    install_runc(str(tmp_path / "bin"))
    assert list(tmp_path.iterdir()) == []
