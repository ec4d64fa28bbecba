from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from inception.errors import ImageError
from inception.image import host_engine
from inception.image.host_engine import find_host_engine, parse_ldd, shared_libraries

PROGRAMS = ("containerd", "containerd-shim-runc-v2", "docker", "docker-proxy", "dockerd", "runc")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose only programs are an engine's."""
    for name in PROGRAMS:
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(host_engine, "_SEARCH_PATH", "/nonexistent")
    return tmp_path


def test_the_hosts_programs_replace_debians(programs: Path) -> None:
    targets = {file.source: str(file.target) for file in find_host_engine()}
    assert targets == {
        programs / "containerd": "usr/bin/containerd",
        programs / "containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
        programs / "docker": "usr/bin/docker",
        programs / "docker-proxy": "usr/sbin/docker-proxy",
        programs / "dockerd": "usr/sbin/dockerd",
        programs / "runc": "usr/sbin/runc",
    }


def test_a_link_is_followed_to_the_program(programs: Path) -> None:
    (programs / "runc").rename(programs / "runc-1.1")
    (programs / "runc").symlink_to("runc-1.1")
    assert programs / "runc-1.1" in {file.source for file in find_host_engine()}


def test_programs_missing_on_the_host_are_named(programs: Path) -> None:
    (programs / "runc").unlink()
    (programs / "dockerd").unlink()
    with pytest.raises(ImageError, match=r"no dockerd, runc to put .*: install Docker Engine"):
        find_host_engine()


def test_ldd_is_read_under_the_names_that_programs_ask_for() -> None:
    listing = (
        "\tlinux-vdso.so.1 (0x00007ffd2b5f2000)\n"
        "\tlibsystemd.so.0 => /lib/x86_64-linux-gnu/libsystemd.so.0 (0x00007f7c5a4f5000)\n"
        "\tlibgone.so.1 => not found\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f7c5a5f4000)\n"
    )
    assert parse_ldd(listing) == (Path("/lib/x86_64-linux-gnu/libsystemd.so.0"),)
    assert parse_ldd("\tnot a dynamic executable\n") == ()


def test_the_libraries_of_a_real_program_are_files() -> None:
    python = Path(sys.executable).resolve()
    libraries = shared_libraries(python)
    assert any(library.name.startswith("libc.") for library in libraries)
    assert all(os.access(library, os.R_OK) for library in libraries)
