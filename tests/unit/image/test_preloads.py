"""Preloads found at level 0 and in archives, and those that are neither."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from unittest.mock import Mock

import docker
import pytest

from inception.chain.inputs.preloads import read_preloads
from inception.errors import ImageError, UsageError
from inception.image.preloads import find_preloads

CONFIG = b'{"architecture": "amd64"}'


def _archive(file: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return file


def _saved(file: Path, *names: str, config: bytes = CONFIG) -> Path:
    manifest = [{"Config": "c.json", "RepoTags": list(names) or None, "Layers": []}]
    return _archive(file, {"c.json": config, "manifest.json": json.dumps(manifest).encode()})


def test_an_image_of_level_0_has_all_its_names() -> None:
    found = {"Id": "sha256:a", "RepoTags": ["app:2", "app:1", "<none>:<none>"], "RepoDigests": None, "Size": 7}
    [preload] = find_preloads(Mock(inspect_image=Mock(return_value=found)), ["app:1"])
    assert (preload.source, preload.identity, preload.names, preload.size) == (
        "app:1",
        "sha256:a",
        ("app:1", "app:2"),
        7,
    )
    assert preload.saved_as == "app:1"


@pytest.mark.parametrize(("status", "said"), [(400, "invalid reference format: "), (404, "")])
def test_an_image_that_is_not_there_is_named_with_a_remedy(status: int, said: str) -> None:
    error = docker.errors.APIError("error", response=Mock(status_code=status), explanation="invalid reference format")
    with pytest.raises(ImageError) as raised:
        find_preloads(Mock(inspect_image=Mock(side_effect=error)), ["app:1"])
    assert str(raised.value).startswith(f"preload app:1 is no image of level 0: {said}`docker pull`")


def test_an_archive_is_known_by_what_it_holds(tmp_path: Path) -> None:
    files = [
        _saved(tmp_path / "a.tar", "app:1"),
        _saved(tmp_path / "b.tar", "app:1"),
        _saved(tmp_path / "c.tar", "app:1", config=b"{}"),
    ]
    packed = tmp_path / "d.tar.gz"
    packed.write_bytes(gzip.compress(files[0].read_bytes(), mtime=0))
    one, same, other, compressed = [find_preloads(Mock(), [str(it)])[0] for it in (*files, packed)]
    assert one.names == ("app:1",)
    assert one.identity == same.identity == compressed.identity != other.identity


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"etc/passwd": b"root"},
        {"manifest.json": b"[]"},
        {"manifest.json": b"{"},
        {"manifest.json": b"{}"},
        {"manifest.json": b"[1]"},
        {"manifest.json": b'[{"Config": "missing.json"}]'},
        {"manifest.json": b'[{"Config": 1}]'},
    ],
)
def test_an_archive_without_an_image_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    file = _archive(tmp_path / "a.tar", files)
    with pytest.raises(ImageError) as raised:
        find_preloads(Mock(), [str(file)])
    assert str(raised.value) == f"preload {file} holds no image: give a file that `docker save` wrote"


@pytest.mark.parametrize(
    "content", [b"", b"hello", gzip.compress(b"hello", mtime=0), gzip.compress(bytes(10240), mtime=0)[:20]]
)
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    file.write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.tar (is no archive, or not a whole one|holds no image)"):
        find_preloads(Mock(), [str(file)])


def test_a_file_is_named_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _saved(tmp_path / "a.tar")
    assert read_preloads(["a.tar", "app:1"]) == (str(tmp_path / "a.tar"), "app:1")


@pytest.mark.parametrize("text", ["", " ", "b.tar", "./app"])
def test_a_file_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="preload"):
        read_preloads([text])
