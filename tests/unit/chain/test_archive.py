"""Archives that a hostile level could send: nothing outside the target is written, linked or waited for."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from inception.chain.copying import archive
from inception.chain.copying.archive import unpack

Member = tuple[str, bytes, str]
FAILURES = (OSError, tarfile.TarError, ValueError)
SECRET = b"not yours"


def member(name: str, kind: bytes = tarfile.REGTYPE, linked: str = "", size: int | None = None) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, linked
    made.size = (3 if kind == tarfile.REGTYPE else 0) if size is None else size
    return made


def archive_of(*members: tarfile.TarInfo, behind: bytes = b"") -> BinaryIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for one in members:
            opened.addfile(one, io.BytesIO(b"new"))
    buffer.write(behind)
    buffer.seek(0)
    return buffer


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """Give a directory that must stay as it is, with a file in it; the target is beside it."""
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "secret").write_bytes(SECRET)
    (tmp_path / "target").mkdir()
    yield directory
    assert sorted(tmp_path.iterdir()) == [directory, tmp_path / "target"]
    assert list(directory.iterdir()) == [directory / "secret"]
    assert (directory / "secret").read_bytes() == SECRET
    assert (directory / "secret").stat().st_nlink == 1


@pytest.fixture
def target(outside: Path) -> Path:
    return outside.parent / "target"


@pytest.mark.parametrize("name", ["/etc/x", "../x", "top/../../outside/x", "top/../x", "other", "top/a/../../../x"])
def test_a_name_that_leads_elsewhere_is_refused(target: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"leads outside|is not in the subpath|does not start with"):
        unpack(archive_of(member(name)), "top", target, "top")
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("linked", ["top/../../outside/secret", "/etc/passwd", "../outside/secret", "top/missing"])
def test_a_hard_link_to_another_place_is_refused(target: Path, linked: str) -> None:
    hostile = archive_of(
        member("top", tarfile.DIRTYPE), member("top/link", tarfile.LNKTYPE, linked), member("top/link")
    )
    with pytest.raises(ValueError, match=r"leads outside|is not in the subpath|does not start with|no file in the"):
        unpack(hostile, "top", target, "top")


def test_a_hard_link_to_a_file_that_was_there_before_is_refused(target: Path) -> None:
    (target / "top").mkdir()
    (target / "top" / "mine").symlink_to("../../outside/secret")
    with pytest.raises(ValueError, match="is no file in the archive"):
        unpack(archive_of(member("top/link", tarfile.LNKTYPE, "top/mine"), member("top/link")), "top", target, "top")


@pytest.mark.parametrize("linked", ["../../outside", "{outside}", "/"])
def test_nothing_is_written_behind_a_symbolic_link_of_the_archive(target: Path, outside: Path, linked: str) -> None:
    link = member("top/link", tarfile.SYMTYPE, linked.format(outside=outside))
    for behind in (member("top/link/new"), member("top/link/secret"), member("top/link/l", tarfile.SYMTYPE, "x")):
        with pytest.raises(FAILURES):
            unpack(archive_of(link, behind), "top", target, "top")


def test_a_file_is_not_written_through_a_symbolic_link_of_the_same_name(target: Path) -> None:
    link = member("top/link", tarfile.SYMTYPE, "../../outside/secret")
    unpack(archive_of(link, member("top/link")), "top", target, "top")
    assert (target / "top" / "link").is_symlink()


def test_a_chain_of_symbolic_links_too_long_to_be_resolved_leads_nowhere(target: Path) -> None:
    # Beyond PATH_MAX, realpath() of some Pythons gives up and believes the rest of the path (CVE-2025-4517).
    step = "d" * 247
    members, path = [member("top", tarfile.DIRTYPE)], "top"
    for letter in "abcdefghijklmnop":
        members += [member(f"{path}/{step}", tarfile.DIRTYPE), member(f"{path}/{letter}", tarfile.SYMTYPE, step)]
        path = f"{path}/{step}"
    short = "top/" + "/".join("abcdefghijklmnop")
    escape = member("top/escape", tarfile.SYMTYPE, f"{short[4:]}/{'../' * 20}outside")
    members += [member(f"{short}/{'l' * 254}", tarfile.SYMTYPE, "../" * 16), escape, member("top/escape/new")]
    with pytest.raises(FAILURES):
        unpack(archive_of(*members), "top", target, "top")


def test_a_link_that_an_earlier_copy_left_is_not_followed(target: Path) -> None:
    unpack(archive_of(member("top", tarfile.SYMTYPE, "../outside")), "top", target, "top")
    with pytest.raises(FAILURES):
        unpack(archive_of(member("top/new")), "top", target, "top")


def test_devices_and_pipes_are_left_out(target: Path) -> None:
    kinds = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    members = [member(f"top/{number}", kind) for number, kind in enumerate(kinds)]
    unpack(archive_of(member("top", tarfile.DIRTYPE), *members), "top", target, "top")
    assert list((target / "top").iterdir()) == []


def test_no_file_has_the_rights_of_its_owner_for_others(target: Path) -> None:
    file = member("top")
    file.mode, file.uid, file.gid = 0o6777, 12345, 12345
    unpack(archive_of(file), "top", target, "top")
    found = (target / "top").stat()
    assert (found.st_mode & 0o7022, found.st_uid, found.st_gid) == (0, os.geteuid(), os.getegid())


@pytest.mark.parametrize("kind", archive._DESCRIPTIONS)
def test_a_header_that_claims_gigabytes_is_not_read_into_memory(target: Path, kind: bytes) -> None:
    header = member("x", kind, size=4 << 30).tobuf()
    with pytest.raises(tarfile.ReadError, match="a header of 4294967296 bytes"):
        unpack(io.BytesIO(header + bytes(1 << 16)), "top", target, "top")


def test_headers_that_describe_headers_end(target: Path) -> None:
    header = member("x", tarfile.GNUTYPE_LONGNAME, size=2).tobuf() + b"x\0".ljust(512, b"\0")
    with pytest.raises((RecursionError, tarfile.ReadError)):
        unpack(io.BytesIO(header * 5000), "top", target, "top")


class Endless(io.RawIOBase):
    """A stream that goes on with zeros for good."""

    def __init__(self, first: bytes) -> None:
        self._first = io.BytesIO(first)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        return self._first.read(size) or bytes(size)


@pytest.mark.timeout(20)
def test_an_archive_that_never_ends_is_refused(target: Path) -> None:
    with pytest.raises(ValueError, match="the archive has ended, and more follows"):
        unpack(Endless(archive_of(member("top")).read()), "top", target, "top")  # type: ignore[arg-type]
