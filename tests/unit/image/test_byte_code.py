"""Byte code of the payload, made by a container and kept on this machine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import docker
import pytest

from inception.image.byte_code import byte_code_of, ensure_byte_code
from inception.payload import copy_payload, payload_archive

IMAGE = "sha256:" + "ab" * 32


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path / "state"))


def _engine(*names: str, status: int = 0) -> Mock:
    """Return a client whose container has compiled the payload into files of these names, with this status."""
    buffer = io.BytesIO(payload_archive("."))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"code"))

    def get_archive(*_: object) -> tuple[Iterator[bytes], None]:
        return iter((buffer.getvalue(),)), None

    wait = Mock(return_value={"StatusCode": status})
    return Mock(create_container=Mock(return_value={"Id": "1"}), wait=wait, get_archive=get_archive)


def test_byte_code_of_the_payload_is_kept_and_nothing_else() -> None:
    engine = _engine(
        "inception/plan/__pycache__/chain.cpython-313.pyc",
        "inception/plan/__pycache__/other.cpython-313.pyc",
        "inception/plan/__pycache__/../../../../chain.cpython-313.pyc",
        "/inception/plan/__pycache__/chain.cpython-313.pyc",
    )
    ensure_byte_code(engine, IMAGE)
    place = byte_code_of(IMAGE)
    assert [it.relative_to(place) for it in place.rglob("*") if it.is_file()] == [
        Path("inception/plan/__pycache__/chain.cpython-313.pyc")
    ]
    engine.remove_container.assert_called_once_with("1", force=True, v=True)


def test_a_payload_is_compiled_once_for_an_image() -> None:
    engine = _engine("inception/plan/__pycache__/chain.cpython-313.pyc")
    for _ in range(2):
        ensure_byte_code(engine, IMAGE)
    engine.start.assert_called_once()


def test_a_chain_does_without_byte_code_that_cannot_be_made(tmp_path: Path) -> None:
    refusing = Mock(create_container=Mock(side_effect=docker.errors.APIError("no")))
    ensure_byte_code(refusing, IMAGE)
    copy_payload(tmp_path / "payload", byte_code_of(IMAGE))
    assert not list((tmp_path / "payload").rglob("*.pyc"))


def test_byte_code_of_a_compiler_that_failed_is_not_kept() -> None:
    engine = _engine("inception/plan/__pycache__/chain.cpython-313.pyc", status=1)
    ensure_byte_code(engine, IMAGE)
    assert not byte_code_of(IMAGE).exists()
    engine.remove_container.assert_called_once_with("1", force=True, v=True)


def test_the_latest_eight_are_kept() -> None:
    images = [f"{number:012}" for number in range(10)]
    for image in images:
        ensure_byte_code(_engine("inception/plan/__pycache__/chain.cpython-313.pyc"), image)
    assert [byte_code_of(image).exists() for image in images].count(True) == 8
    assert byte_code_of(images[-1]).exists()


def test_byte_code_is_copied_with_the_payload(tmp_path: Path) -> None:
    name = "inception/plan/__pycache__/chain.cpython-313.pyc"
    ensure_byte_code(_engine(name), IMAGE)
    copy_payload(tmp_path / "payload", byte_code_of(IMAGE))
    assert (tmp_path / "payload" / name).read_bytes() == b"code"
