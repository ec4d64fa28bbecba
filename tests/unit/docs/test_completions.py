"""The completion scripts that are installed, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from docs.tools.completions import PLACES, write_completions

PROGRAMS = Path(sys.executable).parent


def needs(shell: str) -> pytest.MarkDecorator:
    missing = shutil.which(shell) is None
    return pytest.mark.skipif(missing, reason=f"{shell} is not installed (apt-get install {shell})")


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the scripts in their places."""
    directory = tmp_path_factory.mktemp("share")
    write_completions(str(PROGRAMS / "inception"), directory)
    return directory


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A run root with two chains in it, as far as a name goes."""
    for name in ("dream", "drum"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").touch()
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    return {**os.environ, "INCEPTION_RUN_ROOT": str(tmp_path), "PATH": path, "TERM": "dumb", "HOME": str(tmp_path)}


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@needs("bash")
def test_bash_completes_a_chain(share: Path, environment: dict[str, str]) -> None:
    script = (
        f". {share / PLACES['bash']}; COMP_WORDS=(inception down dr); COMP_CWORD=2; _inception_completion inception"
    )
    assert run(environment, "bash", "-c", f'{script}; echo "${{COMPREPLY[@]}}"').split() == ["dream", "drum"]


@needs("fish")
def test_fish_completes_a_chain_and_an_option(share: Path, environment: dict[str, str]) -> None:
    source = f"source {share / PLACES['fish']}"
    assert run(environment, "fish", "-c", f"{source}; complete -C 'inception down dr'").split() == ["dream", "drum"]
    offered = run(environment, "fish", "-c", f"{source}; complete -C 'inception up --he'")
    assert "--headroom" in offered


@needs("zsh")
def test_zsh_completes_at_the_first_tab(share: Path, environment: dict[str, str]) -> None:
    shell = pexpect.spawn("zsh", ["-f", "-i"], env=environment, encoding="utf-8", timeout=30, dimensions=(24, 120))
    functions = (share / PLACES["zsh"]).parent
    shell.sendline(
        f"PS1='ready> '; fpath=({functions} $fpath); autoload -U compinit; compinit -u -D; bindkey '^I' complete-word"
    )
    shell.expect_exact("ready> ")
    shell.expect_exact("ready> ")
    shell.send("inception down dre\t")
    shell.expect_exact("dream")
    shell.close()
