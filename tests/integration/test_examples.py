"""Everything in examples/ runs as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import INCEPTION

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.usefixtures("level_image", "unchanged_host", "own_run_root"),
]

_EXAMPLES = Path(__file__).parents[2] / "examples"


def _run(*command: str | Path, directory: Path = _EXAMPLES) -> str:
    """Run a command as a user would who has installed inception; returns its output."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PATH": f"{Path(INCEPTION).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_command() -> None:
    said = _run("sh", _EXAMPLES / "one-command.sh")
    assert re.search(r"^level 4 of 4: \S+-4, Docker [\d.]+", said)
    assert "hello from a container at the bottom" in said


def test_a_recorded_session(tmp_path: Path) -> None:
    _run("sh", _EXAMPLES / "record-session.sh", tmp_path / "session", directory=tmp_path)
    recorded = (tmp_path / "session").read_text()
    prompts = re.findall(r"\[(\d)/(\d)\] root@recorded-(\d):", recorded)
    assert prompts == [("2", "2", "2")] * 2 + [("1", "1", "1")] * 2
    assert (tmp_path / "session.timing").stat().st_size


def test_a_context_for_each_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    said = _run("sh", _EXAMPLES / "contexts.sh")
    assert re.findall(r"^inception-\S+-(\d) is \S+-(\d), Docker", said, re.MULTILINE) == [
        ("1", "1"),
        ("2", "2"),
        ("3", "3"),
    ]
    assert not list(tmp_path.glob("contexts/meta/*"))


@pytest.mark.parametrize("job", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_ci_job(job: str) -> None:
    # What comes before is the CI service's own: this is the line that says something about the runner.
    (script,) = re.findall(r"sh examples/(ci/\S+)$", (_EXAMPLES / "ci" / job).read_text(), re.MULTILINE)
    assert re.search(r"level 2 is \S+-2, Docker", _run("sh", _EXAMPLES / script))


def test_the_python_api() -> None:
    said = _run(sys.executable, _EXAMPLES / "python" / "levels.py")
    assert re.findall(r"(\d) hello from level (\d)$", said, re.MULTILINE) == [("1", "1"), ("2", "2")]


def test_the_python_api_in_an_asyncio_program() -> None:
    said = _run(sys.executable, _EXAMPLES / "python" / "async_levels.py")
    assert said.splitlines() == ["hello from level 1", "hello from level 2"]


def test_the_pytest_fixture() -> None:
    said = _run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."),
        directory=_EXAMPLES / "python",
    )
    assert "2 passed" in said
