"""A descent drawn live, on a terminal of a chosen size that keeps what is written to it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from inception.cli.drawing.draw import Drawing
from inception.cli.drawing.live import ASCII_TOP, TOP, LiveCanvas
from inception.plan.events import Event, Phase, State


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Screen:
    """A drawing, what it wrote, and what moves on it now."""

    def __init__(self, *, depth: int = 4, height: int = 24, width: int = 120, encoding: str = "utf-8") -> None:
        self.file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
        self.console = Console(
            file=self.file, force_terminal=True, height=height, width=width, highlight=False, legacy_windows=False
        )
        self.clock = Clock()
        self.canvas = LiveCanvas(depth, self.console, self.clock)
        self.drawing = Drawing(self.canvas, self.clock)

    def show(self, at_s: float, level: int, phase: Phase, state: State, seconds: float | None = None) -> None:
        self.clock.now_s = at_s
        self.drawing.show(
            Event(time_s=0.0, monotonic_s=at_s, level=level, phase=phase, state=state, seconds=seconds, message="noted")
        )

    def boot(self, level: int) -> None:
        """Level k boots from second k on and takes 0.75 s."""
        self.show(level, level, Phase.CREATE, State.BEGIN)
        self.show(level + 0.25, level, Phase.CREATE, State.END, 0.25)
        self.show(level + 0.25, level, Phase.READY, State.BEGIN)
        self.show(level + 0.25, level, Phase.DOCKERD, State.BEGIN)
        self.show(level + 0.75, level, Phase.DOCKERD, State.END, 0.5)
        self.show(level + 0.75, level, Phase.READY, State.END, 0.5)

    @property
    def rows(self) -> list[str]:
        text = io.StringIO()
        Console(file=text, width=self.console.width).print(self.canvas.render())
        return [line.rstrip() for line in text.getvalue().splitlines()]

    @property
    def written(self) -> str:
        buffer = self.file.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.file.encoding)


@pytest.fixture
def make_screen() -> Iterator[Callable[..., Screen]]:
    """Makes screens on which a drawing has started; it is finished in the end."""
    screens: list[Screen] = []

    def make(**options: object) -> Screen:
        screens.append(Screen(**options))  # type: ignore[arg-type]
        screens[-1].drawing.start()
        return screens[-1]

    yield make
    for screen in screens:
        screen.drawing.finish()


@pytest.fixture
def screen(make_screen: Callable[..., Screen]) -> Screen:
    return make_screen()


def test_each_level_has_a_line(screen: Screen) -> None:
    screen.boot(1)
    screen.show(2, 2, Phase.CREATE, State.BEGIN)
    screen.show(2.25, 2, Phase.CREATE, State.END, 0.25)
    screen.show(2.25, 2, Phase.START, State.BEGIN)
    screen.clock.now_s = 2.5
    assert screen.rows == [
        "   1   0.75 s  ready",
        f"{TOP[0]} 2   0.50 s  create 0.25  start 0.25",
    ]


def test_the_top_spins(screen: Screen) -> None:
    screen.show(1, 1, Phase.CREATE, State.BEGIN)
    frames = set()
    for step in range(8):
        screen.clock.now_s = 1 + step / 16
        frames.add(screen.rows[0][:2])
    assert frames == set(TOP)


def test_an_encoding_without_triangles_has_a_top_too(make_screen: Callable[..., Screen]) -> None:
    screen = make_screen(encoding="ascii")
    screen.show(1, 1, Phase.CREATE, State.BEGIN)
    assert screen.rows[0][:2] in ASCII_TOP
    assert screen.rows[0].isascii()


def test_before_there_is_a_level_it_says_how_long_it_has_been(screen: Screen) -> None:
    screen.clock.now_s = 2.5
    assert screen.rows == [f"{TOP[0]}     2.50 s"]


def test_a_deep_chain_shows_the_last_levels_that_fit(make_screen: Callable[..., Screen]) -> None:
    screen = make_screen(depth=128, height=8)
    for level in range(1, 101):
        screen.boot(level)
    assert screen.rows == [
        "    95   0.75 s  and 94 above: 100 of 128 ready",
        *(f"   {level:>3}   0.75 s  ready" for level in range(96, 101)),
    ]


def test_a_deep_chain_says_how_far_it_has_come_in_a_narrow_window(make_screen: Callable[..., Screen]) -> None:
    screen = make_screen(depth=40, height=5, width=40)
    for level in range(1, 31):
        screen.boot(level)
    screen.show(31, 31, Phase.CREATE, State.BEGIN)
    assert screen.rows[0] == "   29   0.75 s  30 of 40 ready"


def test_a_deep_chain_that_fails_still_says_how_far_it_has_come_in_a_narrow_window(
    make_screen: Callable[..., Screen],
) -> None:
    screen = make_screen(depth=256, height=5, width=40)
    for level in range(1, 31):
        screen.boot(level)
    screen.show(31, 31, Phase.CREATE, State.BEGIN)
    screen.show(31.5, 31, Phase.CREATE, State.FAIL, 0.5)
    screen.show(31.6, 30, Phase.UNWIND, State.BEGIN)
    assert screen.rows[0] == "    29   0.75 s  29 of 256 ready"


def test_a_narrow_window_cuts_lines_and_does_not_fold_them(make_screen: Callable[..., Screen]) -> None:
    screen = make_screen(width=20)
    screen.boot(1)
    screen.show(2, 2, Phase.CREATE, State.BEGIN)
    screen.show(2.25, 2, Phase.CREATE, State.END, 0.25)
    assert [len(row) <= 20 for row in screen.rows] == [True, True]


def test_a_narrow_window_shows_the_latest_phases(make_screen: Callable[..., Screen]) -> None:
    screen = make_screen(width=60)
    phases = (Phase.CREATE, Phase.START, Phase.PREPARE, Phase.IMAGE, Phase.CONTAINERD)
    for at, phase in enumerate(phases):
        screen.show(at, 1, phase, State.BEGIN)
        screen.show(at + 1, 1, phase, State.END, 1.0)
    screen.show(5, 1, Phase.DOCKERD, State.BEGIN)
    assert screen.rows[0].endswith("image 1.00  containerd 1.00  dockerd 0.00")
    assert len(screen.rows[0]) <= 60


def test_levels_that_fail_unwind_and_are_unwound(screen: Screen) -> None:
    for level in (1, 2):
        screen.boot(level)
    screen.show(3, 3, Phase.CREATE, State.BEGIN)
    screen.show(3.5, 3, Phase.CREATE, State.FAIL, 0.5)
    assert screen.rows[-1] == "   3   0.50 s  failed at create"
    screen.show(4, 2, Phase.UNWIND, State.BEGIN)
    screen.clock.now_s = 4.5
    assert screen.rows[1] == f"{TOP[0]} 2   0.50 s  unwinding"
    screen.show(5, 2, Phase.UNWIND, State.END, 1.0)
    assert [row.split()[0] for row in screen.rows] == ["1", "3"]


def test_times_of_a_remote_kernel_are_shown_by_our_clock(screen: Screen) -> None:
    screen.clock.now_s = 1000.0
    screen.drawing.show(Event(time_s=0.0, monotonic_s=7.0, level=1, phase=Phase.CREATE, state=State.BEGIN))
    screen.clock.now_s = 1000.5
    assert screen.rows == [f"{TOP[0]} 1   0.50 s  create 0.50"]


def test_the_animation_is_erased_and_lines_stay(screen: Screen) -> None:
    screen.drawing.progress("starting a private engine")
    screen.boot(1)
    screen.show(1.8, 1, Phase.VERIFY, State.NOTE)
    time.sleep(0.2)
    with screen.drawing.paused():
        before = screen.written
        time.sleep(0.2)
        screen.show(2, 1, Phase.UNWIND, State.BEGIN)
        assert screen.written == before
    screen.show(3, 1, Phase.UNWIND, State.END, 1.0)
    screen.drawing.finish()
    assert before.endswith("\x1b[2m1 level in 0.8 s\x1b[0m\n")
    assert screen.written.endswith("\x1b[2m1 level unwound in 1.0 s\x1b[0m\n")
    assert screen.written.count("\x1b[?25l") == screen.written.count("\x1b[?25h") == 2
    assert "starting a private engine" in screen.written
    assert "level 1: noted" in screen.written


def test_events_during_a_pause_are_drawn_afterwards(screen: Screen) -> None:
    screen.boot(1)
    with screen.drawing.paused():
        screen.show(2, 1, Phase.DOCKERD, State.NOTE)
        screen.show(2, 1, Phase.UNWIND, State.BEGIN)
    assert "level 1: noted" in screen.written
    screen.clock.now_s = 2.5
    assert screen.rows == [f"{TOP[0]} 1   0.50 s  unwinding"]


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, make_screen: Callable[..., Screen]) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = make_screen()
    screen.boot(1)
    time.sleep(0.2)
    screen.drawing.stop()
    assert "\x1b[32m" not in screen.written
    assert "ready" in screen.written
