from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from inception.level.early.databases import move_databases

STORE = "containerd-root/io.containerd.metadata.v1.bolt/meta.db"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Give the directory that stands for the tmpfs."""
    path = tmp_path / "memory"
    path.mkdir()
    return path


def test_a_database_made_later_is_made_in_memory(tmp_path: Path, memory: Path) -> None:
    move_databases(tmp_path / "data-root", memory)
    volumes = tmp_path / "data-root/volumes/metadata.db"
    volumes.write_bytes(b"made")
    # They are opened for reading and writing, mapped and locked, as by any program that does not know of the link.
    with sqlite3.connect(tmp_path / "data-root/network/files/local-kv.db") as database:
        database.execute("create table networks (name text)")
    database.close()
    assert {path.name for path in memory.iterdir()} == {"volumes_metadata.db", "network_files_local-kv.db"}
    assert (memory / "volumes_metadata.db").read_bytes() == b"made"


def test_a_database_that_is_there_keeps_its_content(tmp_path: Path, memory: Path) -> None:
    found = tmp_path / "data-root" / STORE
    found.parent.mkdir(parents=True)
    found.write_bytes(b"grafted")
    for _ in range(2):
        move_databases(tmp_path / "data-root", memory)
        assert found.is_symlink()
        assert found.read_bytes() == b"grafted"


def test_two_databases_of_one_name_stay_apart(tmp_path: Path, memory: Path) -> None:
    move_databases(tmp_path / "data-root", memory)
    links = [path for path in (tmp_path / "data-root").rglob("*.db") if path.is_symlink()]
    assert len({path.readlink() for path in links}) == len(links) == 9
