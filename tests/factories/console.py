"""Read the console blocks of a page of the manual, and compare what they show with what came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = re.compile(r"\[\d+/\d+\] root@[\w.-]+:[^#\n]*# ?")
"""Prompt of a shell in a level."""
_ANY_LINES = "..."


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of a block and the lines that it shows; `dialogue` are lines typed into it, each with its lines."""

    command: str
    shown: tuple[str, ...]
    dialogue: tuple[Step, ...] = ()


def steps_of(page: Path) -> list[Step]:
    """Return all commands of all console blocks of `page`, in their order."""
    return [step for block in BLOCK.findall(page.read_text(encoding="utf-8")) for step in read_block(block)]


def read_block(block: str) -> list[Step]:
    """Return the commands of one block: `# ` begins one, `> ` goes on, a prompt in a level types into it."""
    steps: list[Step] = []
    for line in block.splitlines():
        if line.startswith("# "):
            steps.append(Step(command=line[2:], shown=()))
        elif line.startswith("> "):
            steps[-1] = _longer(steps[-1], line[2:])
        elif prompt := PROMPT.match(line):
            typed = Step(command=line[prompt.end() :], shown=())
            steps[-1] = Step(command=steps[-1].command, shown=steps[-1].shown, dialogue=(*steps[-1].dialogue, typed))
        else:
            steps[-1] = _showing(steps[-1], line)
    return steps


def _longer(step: Step, line: str) -> Step:
    return Step(command=f"{step.command}\n{line}", shown=step.shown, dialogue=step.dialogue)


def _showing(step: Step, line: str) -> Step:
    if step.dialogue:
        last = _showing(step.dialogue[-1], line)
        return Step(command=step.command, shown=step.shown, dialogue=(*step.dialogue[:-1], last))
    return Step(command=step.command, shown=(*step.shown, line))


def shows(pattern: tuple[str, ...], output: str) -> bool:
    """Return whether `output` is what `pattern` shows: `*` is any text in a line, a line `...` any lines."""
    parts = [r"(?:[^\n]*\n)*" if line == _ANY_LINES else f"{_line_pattern(line)}\n" for line in pattern]
    lines = "".join(f"{_words(line)}\n" for line in output.splitlines())
    return re.fullmatch("".join(parts), lines) is not None


def _line_pattern(line: str) -> str:
    return "[^\n]*".join(map(re.escape, _words(line).split("*")))


def _words(line: str) -> str:
    """Return `line` with one space for each run of them: columns are as wide as what stands in them."""
    return " ".join(line.split())
