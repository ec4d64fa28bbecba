"""Copies into and out of a level whose commands run on this host."""

from __future__ import annotations

import gzip
import io
import os
import signal
import socket
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import docker
import pytest

from inception.chain.copying import copy
from inception.chain.copying.copy import Place, copy_in, copy_out, pack_out, unpack_in
from inception.chain.session.exec_options import ExecOptions
from inception.chain.session.streams import Streams
from inception.errors import InceptionError, Interrupted, UsageError

LIMIT_S = 20
Level = Callable[[str], Place]


@pytest.fixture
def level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Level:
    """Give a function that makes a place below a directory that stands for the level."""
    (tmp_path / "level").mkdir()

    def run_here(
        client: docker.APIClient, container: str, *, command: Sequence[str], options: ExecOptions, streams: Streams
    ) -> int:
        assert (client.base_url, container, options.workdir, options.terminal) == ("http://nowhere:1", "c", "/", False)
        status = subprocess.run(
            command,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            env={**os.environ, **options.environment},
            cwd=options.workdir,
            timeout=LIMIT_S,
            check=False,
        ).returncode
        return status if status >= 0 else 128 - status

    monkeypatch.setattr(copy, "run_session", run_here)
    client = docker.APIClient(base_url="http://nowhere:1", version="1.41")
    return lambda path: Place(client=client, container="c", path=f"{tmp_path}/level{path}")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").write_bytes(b"content")
    (tmp_path / "here" / "file").chmod(0o741)
    return tmp_path / "here"


def content(place: Place) -> bytes:
    return Path(place.path).read_bytes()


def archive_of(name: str, data: bytes = b"content", *, kind: bytes = tarfile.REGTYPE, linked: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.type, member.linkname = len(data), kind, linked
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(("target", "found"), [("/name", "/name"), ("", "/file"), ("/", "/file")])
def test_file_is_copied_to_a_name_or_into_a_directory(level: Level, here: Path, target: str, found: str) -> None:
    copy_in(here / "file", level(target))
    assert content(level(found)) == b"content"
    assert Path(level(found).path).stat().st_mode & 0o7777 == 0o741


def test_directory_comes_back_as_it_was(level: Level, here: Path) -> None:
    (here / "hard").hardlink_to(here / "file")
    (here / "soft").symlink_to("file")
    os.mkfifo(here / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(here / "socket"))
    copy_in(here, level("/copied"))
    copy_out(level("/copied"), here / "back")
    assert sorted(it.name for it in (here / "back").iterdir()) == ["file", "hard", "soft"]
    assert (here / "back" / "soft").readlink() == Path("file")
    assert (here / "back" / "hard").stat().st_ino == (here / "back" / "file").stat().st_ino
    copy_out(level("/copied/"), here / "back")
    assert (here / "back" / "copied" / "file").read_bytes() == b"content"


def test_symbolic_link_is_followed_only_by_a_slash(level: Level, here: Path) -> None:
    Path(level("/d").path).mkdir()
    Path(level("/d/f").path).touch()
    Path(level("/link").path).symlink_to("d")
    copy_out(level("/link"), here)
    assert (here / "link").readlink() == Path("d")
    copy_out(level("/link/"), here / "followed")
    assert (here / "followed" / "f").is_file()


def test_large_file_gets_through_both_ways(level: Level, here: Path) -> None:
    (here / "large").write_bytes(noise := os.urandom(10_000_000))
    copy_in(here / "large", level("/large"))
    copy_out(level("/large"), here / "back")
    assert (here / "back").read_bytes() == noise


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_archive_is_unpacked_compressed_or_not(level: Level, here: Path, compress: Callable[[bytes], bytes]) -> None:
    (here / "archive").write_bytes(compress(archive_of("a")))
    with (here / "archive").open("rb") as archive:
        unpack_in(archive, level(""))
    assert content(level("/a")) == b"content"


def test_archive_of_a_directory_has_one_top_entry(level: Level, here: Path) -> None:
    Path(level("/d").path).mkdir()
    Path(level("/d/f").path).touch()
    with (here / "archive").open("wb") as archive:
        pack_out(level("/d"), archive)
    with tarfile.open(here / "archive") as opened:
        assert opened.getnames() == ["d", "d/f"]


def test_archive_into_no_directory_is_refused(level: Level, here: Path) -> None:
    with (here / "file").open("rb") as archive, pytest.raises(UsageError, match="is not a directory of that level"):
        unpack_in(archive, level("/nowhere"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"no archive" * 1000, "does not look like a tar archive"), (b"\x1f\x8bno gzip" * 1000, "Unknown compression")],
)
def test_stream_that_is_no_archive_is_an_error(level: Level, here: Path, data: bytes, reason: str) -> None:
    (here / "archive").write_bytes(data)
    with (here / "archive").open("rb") as archive, pytest.raises(InceptionError, match=reason):
        unpack_in(archive, level(""))


def test_missing_source_is_an_error_that_names_it(level: Level, here: Path) -> None:
    with pytest.raises(UsageError, match="/nosuch does not exist"):
        copy_in(here / "nosuch", level(""))
    with pytest.raises(InceptionError, match="/level/nosuch: No such file or directory"):
        copy_out(level("/nosuch"), here)
    with (here / "archive").open("wb") as archive, pytest.raises(InceptionError, match="/nosuch: No such file"):
        pack_out(level("/nosuch"), archive)


def test_missing_directory_is_an_error_that_names_it(level: Level, here: Path) -> None:
    with pytest.raises(InceptionError, match="/level/no is not a directory of that level"):
        copy_in(here / "file", level("/no/file"))
    with pytest.raises(UsageError, match="/no is not a directory"):
        copy_out(level(""), here / "no" / "file")


def test_file_without_a_size_is_refused_not_copied_empty(level: Level, here: Path) -> None:
    Path(level("/version").path).symlink_to("/proc/version")
    with pytest.raises(InceptionError, match="it has no size"):
        copy_out(level("/version"), here)


@pytest.mark.parametrize(
    "hostile",
    [
        archive_of("../outside"),
        archive_of("level/../../outside"),
        archive_of("other/file"),
        archive_of("/level"),
        archive_of("level", b"", kind=tarfile.LNKTYPE, linked="../outside"),
    ],
)
def test_hostile_level_writes_nothing_outside_the_target(
    level: Level, here: Path, hostile: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "hostile").write_bytes(hostile)
    monkeypatch.setattr(copy, "_PACK", f"cat {here}/hostile")
    (here / "target").mkdir()
    with pytest.raises(InceptionError, match="copying "):
        copy_out(level(""), here / "target")
    assert not list((here / "target").iterdir())
    assert not (here / "outside").exists()


def test_archive_to_a_closed_pipe_is_an_error(level: Level) -> None:
    Path(level("/large").path).write_bytes(bytes(1_000_000))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe, pytest.raises(InceptionError, match="cannot be written: Broken pipe"):
        pack_out(level("/large"), pipe)


def test_level_without_tar_is_named_as_the_reason(level: Level, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "_UNPACK", copy._UNPACK.replace("command -v tar", "command -v no-tar"))
    with pytest.raises(InceptionError, match="there is no tar in the level: add it to the image"):
        copy_in(here / "file", level(""))


def test_copy_that_a_signal_ended_is_interrupted(level: Level, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "_UNPACK", "kill -INT $$")
    with pytest.raises(Interrupted) as raised:
        copy_in(here / "file", level(""))
    assert raised.value.signal_number == signal.SIGINT
