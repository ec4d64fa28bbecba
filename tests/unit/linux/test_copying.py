from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from inception.linux import copying
from inception.linux.copying import copy_metadata


def _layers(root: Path) -> Path:
    inner = root / "layerdb" / "sha256" / "aa"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    (inner / "size").write_text("12")
    (inner / "size").chmod(0o600)
    (inner / "tar-split.json.gz").write_bytes(os.urandom(3 * 4096 + 1))
    (inner / "empty").touch()
    (root / "link").symlink_to("../nowhere")
    return root


def test_a_directory_is_copied_with_all_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_CHUNK_BYTES", 4096)
    source, target = _layers(tmp_path / "source"), tmp_path / "target"
    copy_metadata(str(source), str(target))
    found = {it.relative_to(source): it for it in source.rglob("*")}
    copied = {it.relative_to(target): it for it in target.rglob("*")}
    assert set(copied) == set(found)
    for name, original in found.items():
        copy = copied[name]
        assert copy.lstat().st_mode == original.lstat().st_mode
        if original.is_symlink():
            assert copy.readlink() == original.readlink()
        elif original.is_file():
            assert copy.read_bytes() == original.read_bytes()


def test_a_file_is_copied_by_itself(tmp_path: Path) -> None:
    (tmp_path / "meta.db").write_text("images")
    copy_metadata(str(tmp_path / "meta.db"), str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_text() == "images"


def test_a_write_that_takes_only_the_beginning_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meta.db").write_text("images")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    copy_metadata(str(tmp_path / "meta.db"), str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_text() == "images"


def test_nothing_is_overwritten_and_nothing_made_of_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("kept")
    with pytest.raises(FileExistsError) as error:
        copy_metadata(str(tmp_path / "there"), str(tmp_path / "there"))
    assert error.value.errno == errno.EEXIST
    assert (tmp_path / "there").read_text() == "kept"
    with pytest.raises(FileNotFoundError):
        copy_metadata(str(tmp_path / "missing"), str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()
