"""Programs that `image/fix_addresses.py` moves: real ones of this machine, which then run as before."""

from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

_SCRIPT = Path(__file__).parents[3] / "image/fix_addresses.py"
_EXECUTABLE, _POSITION_INDEPENDENT = 2, 3


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fix_addresses", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fix_addresses = _load()


def _kind(program: Path) -> int:
    return int(struct.unpack_from("<H", program.read_bytes(), 16)[0])


@pytest.fixture(params=["cat", "bash"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a position-independent program of this machine: a small one, and one with thousands of symbols."""
    found = shutil.which(request.param)
    assert found is not None
    if _kind(Path(found)) != _POSITION_INDEPENDENT:
        pytest.skip(f"{request.param} is not position-independent on this machine; on Debian it is")
    return Path(shutil.copy2(found, tmp_path / request.param))


def test_a_program_runs_at_its_fixed_address(program: Path) -> None:
    mode = program.stat().st_mode
    command = ("-c", "cat /proc/$$/maps; true") if program.name == "bash" else ("/proc/self/maps",)
    assert fix_addresses.fix_program(str(program))
    assert (_kind(program), program.stat().st_mode) == (_EXECUTABLE, mode)
    done = subprocess.run([program, *command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{fix_addresses.ADDRESS:08x}-")
    assert str(program) in done.stdout.splitlines()[0]
    assert list(program.parent.iterdir()) == [program]


def test_its_pointers_stand_in_the_file(program: Path) -> None:
    def count_relative() -> int:
        listed = subprocess.run(["readelf", "--relocs", "--wide", program], capture_output=True, text=True, check=True)
        return listed.stdout.count("_RELATIVE")

    if shutil.which("readelf") is None:
        pytest.skip("readelf of binutils is not installed")
    assert count_relative() > 10
    assert fix_addresses.fix_program(str(program))
    assert count_relative() == 0


def test_one_that_has_a_fixed_address_is_left_as_it_is(program: Path) -> None:
    fix_addresses.fix_program(str(program))
    before = program.read_bytes()
    assert not fix_addresses.fix_program(str(program))
    assert program.read_bytes() == before


@pytest.mark.parametrize("size", [0, 3, 20, 64, 200, 1000, 20_000])
def test_a_part_of_a_program_is_left_as_it_is(program: Path, size: int) -> None:
    part = program.read_bytes()[:size]
    program.write_bytes(part)
    assert not fix_addresses.fix_program(str(program))
    assert program.read_bytes() == part


def test_a_script_is_left_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "docker"
    script.write_text("#!/bin/sh\nexec true\n" * 100)
    assert not fix_addresses.fix_program(str(script))


def test_one_that_then_answers_differently_is_kept(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = program.read_bytes()
    monkeypatch.setattr(fix_addresses, "answer", lambda path: (0, path.encode()))
    assert not fix_addresses.fix_program(str(program))
    assert program.read_bytes() == before
    assert list(program.parent.iterdir()) == [program]
