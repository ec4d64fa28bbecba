"""What the Tab key offers, as bash is told: the script that we give it, and what the script then asks us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent
"""Where the installed program is."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A run root with chains in it, as far as a name goes."""
    for name in ("dream", "drum", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").touch()
    (tmp_path / "drawn").mkdir()  # No chain: it has no plan.
    return {
        **os.environ,
        "INCEPTION_RUN_ROOT": str(tmp_path),
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
    }


def _offered(environment: dict[str, str], *words: str) -> set[str]:
    """What bash would offer for the last of `words`."""
    script = 'eval "$(_INCEPTION_COMPLETE=source_bash inception)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))'
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'{script}; _inception_completion inception; printf "%s\\n" "${{COMPREPLY[@]}}"',
            "bash",
            *words,
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("down", "dr"), {"dream", "drum"}),
        (("down", "dream", "o"), {"other"}),
        (("exec", ""), {"dream", "drum", "other"}),
        (("grow", "x"), set()),
        (("cp", "notes", "dre"), {"dream:"}),
        (("context", "rm", "ot"), {"other"}),
        (("pause", "dre"), {"dream"}),
        (("forward", "dre"), {"dream"}),
        (("events", "ot"), {"other"}),
        (("up", "--moun"), {"--mount"}),
        (("lo",), {"load", "logs"}),
        (("up", "--eng"), {"--engine"}),
        (("--eng",), {"--engine"}),
        (("--vers",), {"--version"}),
        (("--depth", "4", "--storage-"), {"--storage-size"}),
    ],
)
def test_names_commands_and_options_are_offered(
    environment: dict[str, str], words: tuple[str, ...], offered: set[str]
) -> None:
    assert _offered(environment, "inception", *words) == offered
