"""The first line of a command's output, printed by a real shell and read back."""

from __future__ import annotations

import subprocess

import pytest

from inception.chain.session.preamble import Preamble, Start, preamble_script
from inception.chain.session.terminal import Size


@pytest.mark.parametrize("size", [None, Size(rows=24, columns=80)])
def test_script_prints_its_process_id_and_becomes_the_command(size: Size | None) -> None:
    command = ["/bin/sh", "-c", preamble_script(size), "inception", "sh", "-c", "echo $$"]
    first, second = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout.split()
    assert first == second


@pytest.mark.parametrize("parts", [[b"42\nout"], [b"4", b"2", b"\nout"], [b"42\r\nout"], [b"42", b"\nout"]])
def test_process_id_is_the_group_and_the_rest_is_output(parts: list[bytes]) -> None:
    preamble = Preamble()
    *before, start = [preamble.feed(part) for part in parts]
    assert before == [None] * (len(parts) - 1)
    assert start == Start(group=42, output=b"out")
    assert preamble.complete


@pytest.mark.parametrize("said", [b"OCI runtime exec failed\r\n", b"\n", b"42 is not a shell\nmore"])
def test_another_line_is_the_engines_reason_and_kept_whole(said: bytes) -> None:
    assert Preamble().feed(said) == Start(group=None, output=said)


def test_output_that_ends_within_its_first_line_is_the_engines_reason() -> None:
    preamble = Preamble()
    assert preamble.feed(b"cut off") is None
    assert preamble.end() == Start(group=None, output=b"cut off")
    assert preamble.complete


def test_end_without_output_starts_nothing() -> None:
    preamble = Preamble()
    assert preamble.end() is None
    assert not preamble.complete


def test_end_after_the_first_line_is_no_second_start() -> None:
    preamble = Preamble()
    preamble.feed(b"42\n")
    assert preamble.end() is None
