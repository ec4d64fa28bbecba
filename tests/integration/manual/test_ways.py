"""CI jobs, the pytest suite and the nightly campaign of the manual, done as they stand there, in a fresh directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inception.engine.connect import Engine
from tests.factories.ci_jobs import Job, jobs_of
from tests.integration.conftest import INCEPTION

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.usefixtures("level_image", "images_made", "unchanged_host", "own_run_root"),
]

_HOW_TO = Path(__file__).parents[3] / "docs/how-to"
_JOBS = [job for page in ("ci", "container") for job in jobs_of(_HOW_TO / f"{page}.md")]
(_NIGHTLY,) = (job for job in _JOBS if "stress" in job.text)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LIMIT_S = 240
_SHALLOW = (("--max-depth 16", "--max-depth 3"), ("--fail-under 16", "--fail-under 3"))
"""Shorten the nightly run for the test: three levels have the same gates as sixteen, which take minutes."""

Run = Callable[[Job], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def images_made(level_image: str) -> None:
    """Make all that `inception image build` makes before the host is looked at: it stays there."""
    assert level_image
    subprocess.run([INCEPTION, "image", "build", "--quiet"], check=True)


@pytest.fixture
def run_job(engine: Engine, tmp_path: Path) -> Run:
    """Give a function that runs the scripts of a job in one directory, up to the first that fails."""
    (tmp_path / "github-output").touch()

    def run(job: Job) -> subprocess.CompletedProcess[str]:
        done = subprocess.CompletedProcess[str]((), 0)
        for script in job.scripts:
            for written, shallow in _SHALLOW:
                script = script.replace(written, shallow)  # noqa: PLW2901 the same script
            done = subprocess.run(
                ("bash", "-e", "-o", "pipefail", "-c", script),
                cwd=tmp_path,
                env={
                    **os.environ,
                    "PATH": f"{Path(INCEPTION).parent}:{os.environ['PATH']}",
                    "DOCKER_HOST": engine.endpoint,
                    "GITHUB_OUTPUT": str(tmp_path / "github-output"),
                    "CI_JOB_ID": "7",
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LIMIT_S,
                check=False,
            )
            if done.returncode != 0:
                break
        return done

    return run


@pytest.mark.timeout(600)
@pytest.mark.parametrize("job", [job for job in _JOBS if job is not _NIGHTLY], ids=str)
def test_job_passes_with_an_empty_cache_and_with_a_full_one(job: Job, run_job: Run) -> None:
    for _ in range(2 if "level.tar" in job.text else 1):
        done = run_job(job)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_night_fails_when_a_cost_has_grown(run_job: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_job(_NIGHTLY)
    assert first.returncode == 0, first.stdout + first.stderr
    good = (tmp_path / "last/report.json").read_bytes()

    monkeypatch.setenv("INCEPTION_CPUS", "0.2")  # Other tests may slow down the first night to half.
    worse = run_job(_NIGHTLY)
    assert worse.returncode == 1, worse.stdout + worse.stderr
    assert "worse" in worse.stdout
    assert (tmp_path / "last/report.json").read_bytes() == good
    assert (tmp_path / "report/report.html").is_file()
    assert (tmp_path / "report/junit.xml").is_file()


def test_suite_and_program_of_the_page_on_pytest(tmp_path: Path) -> None:
    suite, program = _PYTHON.findall((_HOW_TO / "pytest.md").read_text(encoding="utf-8"))
    (tmp_path / "test_suite.py").write_text(suite, encoding="utf-8")
    tested = _python("-m", "pytest", "-p", "no:cacheprovider", directory=tmp_path)
    assert re.search(r"=+ 2 passed in ", tested)
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    assert re.fullmatch(r"(\S+)-1 \1-3\nhello from level 4\n\n", _python("program.py", directory=tmp_path))


def _python(*arguments: str, directory: Path) -> str:
    done = subprocess.run(
        (sys.executable, *arguments),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
