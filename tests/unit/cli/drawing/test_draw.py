"""A descent in plain lines."""

from __future__ import annotations

import io
from typing import TextIO

import pytest

from inception.cli.drawing import draw
from inception.cli.drawing.canvas import PlainCanvas
from inception.cli.drawing.draw import Drawing
from inception.plan.events import Event, Phase, State


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def event(at_s: float, level: int, phase: Phase, state: State, **others: object) -> Event:
    fields = {"time_s": 0.0, "monotonic_s": at_s, "level": level, "phase": phase, "state": state, **others}
    return Event(**fields)  # type: ignore[arg-type]


def show_descent(drawing: Drawing, depth: int) -> None:
    for level in range(1, depth + 1):
        drawing.show(event(level, level, Phase.CREATE, State.BEGIN))
        drawing.show(event(level + 0.25, level, Phase.READY, State.BEGIN))
        drawing.show(event(level + 0.875, level, Phase.READY, State.END, seconds=0.625))


def show_ascent(drawing: Drawing, depth: int) -> None:
    for level in range(1, depth + 1):
        drawing.show(event(200, level, Phase.UNWIND, State.BEGIN))
    for level in range(depth, 0, -1):
        drawing.show(event(201, level, Phase.UNWIND, State.END, seconds=1.0))


def plain(depth: int) -> tuple[Drawing, io.StringIO, Clock]:
    stream, clock = io.StringIO(), Clock()
    drawing = Drawing(PlainCanvas(depth, stream), clock)
    drawing.start()
    return drawing, stream, clock


def test_each_level_and_each_way_has_a_line() -> None:
    drawing, stream, clock = plain(2)
    drawing.progress("no engine answers: starting a private one")
    show_descent(drawing, 2)
    with drawing.paused():
        pass
    show_ascent(drawing, 2)
    clock.now_s += 1.26
    drawing.finish()
    assert stream.getvalue().splitlines() == [
        "inception: no engine answers: starting a private one",
        "inception: level 1 of 2 is ready after 0.88 s",
        "inception: level 2 of 2 is ready after 0.88 s",
        "inception: 2 levels in 1.9 s",
        "inception: 2 levels unwound in 1.3 s",
    ]


def test_notes_name_their_level() -> None:
    drawing, stream, _ = plain(1)
    drawing.show(event(1, 3, Phase.VERIFY, State.NOTE, message="loading it instead"))
    drawing.show(event(1, 0, Phase.CREATE, State.NOTE, message="the event file was cut short"))
    assert stream.getvalue() == "inception: level 3: loading it instead\ninception: the event file was cut short\n"


def test_nothing_is_written_while_a_session_has_the_terminal() -> None:
    drawing, stream, _ = plain(1)
    show_descent(drawing, 1)
    with drawing.paused():
        before = stream.getvalue()
        drawing.progress("not now")
        drawing.show(event(5, 1, Phase.DOCKERD, State.NOTE, message="told afterwards"))
        show_ascent(drawing, 1)
        assert stream.getvalue() == before
    drawing.finish()
    assert stream.getvalue()[len(before) :].splitlines() == [
        "inception: level 1: told afterwards",
        "inception: 1 level unwound in 0.0 s",
    ]


@pytest.mark.parametrize("kicked", [True, False])
def test_a_level_that_its_shell_took_along_is_not_counted_again(kicked: bool) -> None:
    drawing, stream, _ = plain(2)
    show_descent(drawing, 2)
    with drawing.paused():
        for phase, state in ((Phase.CREATE, State.BEGIN), (Phase.READY, State.END), (Phase.UNWIND, State.BEGIN)):
            drawing.show(event(3, 3, phase, state, seconds=0.0))
        drawing.show(event(4, 3, Phase.UNWIND, State.END, seconds=0.5))
    before = stream.getvalue()
    if not kicked:
        show_ascent(drawing, 2)
    drawing.finish()
    told = stream.getvalue()[len(before) :].splitlines()
    assert [line for line in told if "unwound in" in line] == (
        [] if kicked else ["inception: 2 levels unwound in 0.0 s"]
    )


def test_a_descent_without_a_ready_level_has_no_summary() -> None:
    drawing, stream, _ = plain(4)
    drawing.show(event(1, 1, Phase.CREATE, State.BEGIN))
    drawing.show(event(2, 1, Phase.CREATE, State.FAIL, seconds=1.0, message="said where errors are reported"))
    drawing.finish()
    assert stream.getvalue() == ""


def test_a_closed_standard_error_ends_no_chain() -> None:
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    drawing = Drawing(PlainCanvas(1, Broken()))
    drawing.start()
    drawing.progress("is anybody there?")
    show_descent(drawing, 1)
    drawing.finish()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "term", "quiet", "canvas"),
    [
        (io.StringIO(), "xterm", False, "PlainCanvas"),
        (Terminal(), "dumb", False, "PlainCanvas"),
        (Terminal(), None, False, "PlainCanvas"),
        (Terminal(), "xterm", False, "LiveCanvas"),
        (Terminal(), "xterm", True, "NoCanvas"),
    ],
)
def test_the_canvas_suits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, stderr: TextIO, term: str | None, quiet: bool, canvas: str
) -> None:
    monkeypatch.setattr("sys.stderr", stderr)
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    assert type(draw._canvas(1, quiet=quiet)).__name__ == canvas


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with draw.descent(2, quiet=True) as drawing:
        drawing.progress("starting")
        show_descent(drawing, 2)
        drawing.show(event(1, 1, Phase.VERIFY, State.NOTE, message="noted"))
        show_ascent(drawing, 2)
    assert capsys.readouterr() == ("", "")


def test_an_error_inside_passes_and_the_unwinding_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with draw.descent(1, quiet=False) as drawing:
            show_descent(drawing, 1)
            show_ascent(drawing, 1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert capsys.readouterr().err.splitlines()[-1] == "inception: 1 level unwound in 0.0 s"
