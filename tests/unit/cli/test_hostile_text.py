"""Escape sequences in what a level says, as a terminal gets them: shown, never obeyed."""

from __future__ import annotations

import io
import logging
import os
import pty
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from inception.chain.plan_file import save_plan
from inception.chain.status import ChainStatus, find_chain
from inception.chain.watching.inspect import LevelDetails
from inception.cli.commands.logs import logs
from inception.cli.commands.tree import tree_lines
from inception.cli.drawing.canvas import PlainCanvas
from inception.cli.drawing.draw import Drawing
from inception.cli.drawing.live import LiveCanvas
from inception.cli.main import run_arguments
from inception.cli.output import echo, print_table, say
from inception.errors import LevelError
from inception.log import _StandardError
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.formats.text import printable
from tests.factories.plans import FACTS, plan

# Clears the screen, names the window, types a command on some terminals, goes back, turns the text round, is no text.
HOSTILE = "\x1b[2J\x1b]0;root\x07\x1bP$q\x1b\\\x9b2J\r\b\x7f\u202e\ud800\ninception: all is well"
FAILURE = Event(
    time_s=1.0, monotonic_s=1.0, level=1, phase=Phase.DOCKERD, state=State.FAIL, message=HOSTILE, log_tail=(HOSTILE,)
)
NOTE = replace(FAILURE, state=State.NOTE, log_tail=())


def is_harmless(text: str) -> bool:
    """Return whether a terminal shows `text` and obeys nothing in it but line feeds, of which it gives none away."""
    return all(it.isprintable() for it in text.replace("\n", "")) and "\ninception: all is well" not in text


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChainPlan:
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path))
    made = plan(1, replace(FACTS, run_root=str(tmp_path)), attached=False)
    for number in range(2):
        Path(made.paths.level(number)).mkdir(parents=True)
    save_plan(made)
    Path(made.paths.events).write_text(FAILURE.to_line() + NOTE.to_line())
    return made


@pytest.fixture
def status(chain: ChainPlan) -> ChainStatus:
    return find_chain(chain.name)


def test_text_stays_as_it_is_where_a_terminal_shows_it() -> None:
    text = "level 1: 5 °C, naïve, 日本, tab\there, \\x1b"
    assert printable(text) == text


def test_every_character_that_a_terminal_obeys_is_escaped() -> None:
    assert printable("\x1b[2J\x9b\r\n\u202e\u2028\ud800\0") == r"\x1b[2J\x9b\r\n\u202e\u2028\ud800\x00"


def test_ls_shows_the_reason_of_a_broken_chain(chain: ChainPlan, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["ls"]) == 0
    shown = capsys.readouterr().out
    assert chain.name in shown
    assert r"\x1b[2J" in shown
    assert is_harmless(shown)


def test_tree_shows_names_of_containers_and_remarks(status: ChainStatus) -> None:
    details = LevelDetails(status=status.levels[0], engine_version=HOSTILE, address=HOSTILE, containers=(HOSTILE,))
    lines = tree_lines(replace(status, remarks=(HOSTILE,)), (details,))
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("write", [say, echo, lambda text: print_table([(text, text)])])
def test_lines_for_people_are_harmless(write: object, capsys: pytest.CaptureFixture[str]) -> None:
    write(HOSTILE)  # type: ignore[operator]
    captured = capsys.readouterr()
    assert is_harmless(captured.out + captured.err)


def test_a_failure_and_the_end_of_its_log_are_reported_harmlessly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LevelError(level=1, phase=HOSTILE, reason=HOSTILE, remedy=HOSTILE, log_tail=(HOSTILE,))

    monkeypatch.setattr("inception.cli.main.app", fail)
    assert run_arguments(["ls"]) == 125
    assert is_harmless(capsys.readouterr().err)


def test_a_drawn_descent_is_harmless() -> None:
    plain, live = io.StringIO(), io.StringIO()
    console = Console(file=live, force_terminal=True, color_system=None, width=80, height=10)
    for canvas in (PlainCanvas(1, plain), LiveCanvas(1, console)):
        drawing = Drawing(canvas)
        drawing.start()
        drawing.progress(HOSTILE)
        drawing.show(replace(NOTE, monotonic_s=time.monotonic()))
        drawing.show(replace(FAILURE, monotonic_s=time.monotonic()))
        drawing.finish()
    assert is_harmless(plain.getvalue())
    # The sequences of the drawing itself remain, which move the cursor, hide it and erase lines.
    assert r"\x1b[2J\x1b]0;root\x07" in live.getvalue()
    assert not any(it in live.getvalue() for it in ("\x1b]", "\x1bP", "\x1b[2J", "\x9b", "\x07", "\u202e"))


def test_the_diagnostic_log_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    handler = _StandardError()
    handler.emit(logging.LogRecord("inception", logging.DEBUG, "", 0, "engine: %s", (HOSTILE,), None))
    assert is_harmless(capsys.readouterr().err)


def read_of_terminal(chain: ChainPlan, monkeypatch: pytest.MonkeyPatch) -> str:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, closing(os.fdopen(theirs, "w")) as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        logs(name=chain.name)
        terminal.flush()
        return screen.read(65536).decode()


def test_logs_are_harmless_on_a_terminal_and_as_they_are_in_a_pipe(
    chain: ChainPlan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(chain.paths.log(1, "dockerd")).write_text("\x1b[2J\x1b]0;root\x07\n")
    logs(name=chain.name)
    assert capsys.readouterr().out == "1 dockerd: \x1b[2J\x1b]0;root\x07\n"
    shown = read_of_terminal(chain, monkeypatch)
    assert shown == "1 dockerd: \\x1b[2J\\x1b]0;root\\x07\r\n"
