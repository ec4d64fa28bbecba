"""Every console block of the manual shows what comes when its commands are typed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pexpect
import pytest

from inception.engine.connect import Engine
from tests.factories.console import BLOCK, PROMPT, Step, shows, steps_of
from tests.integration.conftest import INCEPTION

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.usefixtures("level_image", "unchanged_host", "own_run_root"),
]

_DOCS = Path(__file__).parents[3] / "docs"
_PAGES = sorted(path.relative_to(_DOCS) for path in _DOCS.rglob("*.md") if BLOCK.search(path.read_text()))
_LIMIT_S = 120
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")
"""Colours and movements of a terminal's cursor, titles, and returns of the carriage."""


@pytest.fixture
def environment(engine: Engine) -> dict[str, str]:
    """Give a page's commands the installed program, and the level-0 engine of a host that has one."""
    return {
        **os.environ,
        "PATH": f"{Path(INCEPTION).parent}:{os.environ['PATH']}",
        "DOCKER_HOST": engine.endpoint,
        "TERM": "xterm",
    }


@pytest.mark.parametrize("page", _PAGES, ids=str)
def test_console_blocks_show_what_comes(page: Path, environment: dict[str, str], tmp_path: Path) -> None:
    try:
        for step in steps_of(_DOCS / page):
            if step.dialogue:
                _converse(step, environment, tmp_path)
            else:
                _check(step, _run(step.command, environment, tmp_path))
    finally:
        _run("inception kick --all", environment, tmp_path)


def _run(command: str, environment: dict[str, str], directory: Path) -> str:
    done = subprocess.run(
        ("bash", "-c", command),
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    return done.stdout


def _converse(step: Step, environment: dict[str, str], directory: Path) -> None:
    """Type the lines of `step` at the prompts of a shell in a level."""
    child = pexpect.spawn(
        "bash",
        ["-c", step.command],
        cwd=str(directory),
        env=environment,
        encoding="utf-8",
        timeout=_LIMIT_S,
        dimensions=(40, 200),
    )
    # A shell that is not to be echoed twice: readline draws the line again when it is longer than the terminal.
    child.expect(PROMPT)
    _check(Step(command=step.command, shown=step.shown), _plain(child.before or ""))
    for index, typed in enumerate(step.dialogue):
        child.sendline(typed.command)
        child.expect(PROMPT if index + 1 < len(step.dialogue) else pexpect.EOF)
        _check(typed, _plain(child.before or "").removeprefix(typed.command).lstrip("\n"))
    child.close()


def _plain(text: str) -> str:
    return _CONTROL.sub("", text)


def _check(step: Step, output: str) -> None:
    assert shows(step.shown, output), f"# {step.command}\nshows:\n" + "\n".join(step.shown) + f"\nand came:\n{output}"
