"""Record real runs in a terminal as animated SVGs: `python -m docs.tools.record` writes docs/_static/recordings.

The level image must be there: nobody wants to watch it being built. As many chains are started as there are scripts.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pyte

from docs.tools.screen import Frame, animated, runs, still

PLACE = Path(__file__).parents[1] / "_static/recordings"
_COLUMNS = 92
_SAMPLE_S = 0.1
_KEY_S = 0.045
_READ_S = 1.2
"""Seconds to read what a command has said, before the next one is typed."""
_LONGEST_S = 2.0
"""Seconds of a pause in which nothing changes; longer ones are cut."""
_LIMIT_S = 300
_OUTER = "# "
ERROR = "inception: error:"
"""Begins a line of a run that is not worth a recording."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """Lines that are typed, each at a prompt, into a terminal with so many `rows`."""

    lines: tuple[str, ...]
    rows: int


SCRIPTS = {
    "descent": Script(
        rows=15,
        lines=(
            "inception --depth 4 --name dream",
            "docker info --format '{{.Name}}: Docker {{.ServerVersion}}, {{.Containers}} containers'",
            'docker run --rm "$INCEPTION_IMAGE" echo hello from level 5',
            "exit",
            "docker ps --quiet | wc --lines",
        ),
    ),
    "shells": Script(
        rows=20,
        lines=(
            "inception --depth 2 --name dream --shells",
            "hostname",
            "descend",
            "hostname",
            "exit",
            "docker ps --format '{{.Names}}: {{.Status}}'",
            "kick",
        ),
    ),
    "stress": Script(rows=16, lines=("inception stress --max-depth 4 --memory 220MB --force --measure",)),
}


def main(names: Sequence[str]) -> int:
    """Record the named scripts, or all of them, and return 0.

    Raises pexpect.ExceptionPexpect if one hangs, SystemExit if one fails.
    """
    PLACE.mkdir(exist_ok=True)
    for name in names or SCRIPTS:
        frames = record(SCRIPTS[name])
        shown = ("".join(run.text for run in line) for frame in frames for line in frame.lines)
        if error := next((line for line in shown if line.startswith(ERROR)), None):
            sys.exit(f"{name}: {error}")
        rows = SCRIPTS[name].rows
        (PLACE / f"{name}.svg").write_text(animated(frames, _COLUMNS, rows, pause_s=3.0), encoding="utf-8")
        (PLACE / f"{name}-still.svg").write_text(still(frames[-1], _COLUMNS, rows), encoding="utf-8")
        print(f"{name}: {len(frames)} frames, {frames[-1].at_s:.0f} s, {(PLACE / f'{name}.svg').stat().st_size} bytes")
    return 0


def record(script: Script) -> list[Frame]:
    """Type the lines of `script` into a shell and return what its terminal showed, without long pauses."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PS1": _OUTER, "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS)}
    shell = pexpect.spawn(
        "bash",
        ["--norc", "-i"],
        env=environment,
        encoding="utf-8",
        dimensions=(script.rows, _COLUMNS),
        timeout=_LIMIT_S,
    )
    recorder = _Recorder(script.rows)
    for line in script.lines:
        recorder.follow(shell, until_prompt=True)
        for key in line:
            shell.send(key)
            recorder.follow(shell, for_s=_KEY_S)
        recorder.follow(shell, for_s=0.4)
        shell.send("\r")
        recorder.follow(shell, for_s=0.3)
    recorder.follow(shell, until_prompt=True)
    shell.close()
    return recorder.frames


class _Recorder:
    """A terminal that is fed with a shell's output, and the frames that it has shown."""

    def __init__(self, rows: int) -> None:
        self._screen = pyte.Screen(_COLUMNS, rows)
        self._stream = pyte.Stream(self._screen)
        self._shown_s = self._last_s = 0.0
        self.frames: list[Frame] = []

    def follow(self, shell: pexpect.spawn[str], *, for_s: float = _READ_S, until_prompt: bool = False) -> None:
        """Show the output for `for_s` seconds, or until the shell has been at a prompt for that long."""
        begun_s = quiet_s = time.monotonic()
        while True:
            try:
                self._stream.feed(shell.read_nonblocking(65536, _SAMPLE_S / 4))
                quiet_s = time.monotonic()
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                return
            now_s = time.monotonic()
            self._take(now_s)
            if until_prompt and now_s - begun_s > _LIMIT_S:
                raise pexpect.TIMEOUT(f"no prompt after {_LIMIT_S} s:\n" + "\n".join(self._screen.display))
            if now_s - (quiet_s if until_prompt else begun_s) >= for_s and (not until_prompt or self._at_prompt()):
                return

    def _at_prompt(self) -> bool:
        line = self._screen.display[self._screen.cursor.y][: self._screen.cursor.x]
        return line == _OUTER or (line.startswith("[") and line.endswith(_OUTER))

    def _take(self, now_s: float) -> None:
        """Add a frame if the screen differs from the last one, which was shown for `_LONGEST_S` at most."""
        lines = tuple(
            runs([(cell.data, cell.fg, cell.bold) for cell in (row[x] for x in range(_COLUMNS))])
            for row in (self._screen.buffer[y] for y in range(self._screen.lines))
        )
        if not self.frames and not any(lines):  # The shell has not written its prompt yet.
            return
        if self.frames and (lines == self.frames[-1].lines or now_s - self._last_s < _SAMPLE_S):
            return
        self._shown_s += min(now_s - self._last_s, _LONGEST_S) if self.frames else 0.0
        self._last_s = now_s
        self.frames.append(Frame(at_s=self._shown_s, lines=lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
