"""The files for GitHub and GitLab follow their schemas, and their steps are well-formed shell."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.factories.ci_jobs import Job, jobs_of

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FILES = {
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
    ROOT / "examples/ci/github-actions.yml": "vendor.github-workflows",
    ROOT / "action.yml": "vendor.github-actions",
    ROOT / "examples/ci/gitlab-ci.yml": "vendor.gitlab-ci",
}
PAGES = [ROOT / "docs/how-to" / name for name in ("ci.md", "container.md")]
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def steps_of(file: Path) -> list[Any]:
    content = yaml.safe_load(file.read_text())
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize(("file", "schema"), FILES.items(), ids=lambda it: it.name if isinstance(it, Path) else "")
def test_file_follows_its_schema(file: Path, schema: str) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run((program, "--builtin-schema", schema, file), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("job", [job for page in PAGES for job in jobs_of(page)], ids=str)
def test_job_of_the_manual_follows_its_schema(job: Job, tmp_path: Path) -> None:
    file = tmp_path / "job.yml"
    file.write_text(job.text)
    test_file_follows_its_schema(file, "vendor.github-workflows" if job.is_github else "vendor.gitlab-ci")


@pytest.mark.parametrize("file", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda it: it.name)
def test_steps_are_well_formed_shell(file: Path) -> None:
    scripts = [EXPRESSION.sub("x", step["run"]) for step in steps_of(file) if "run" in step]
    assert scripts
    for script in scripts:
        checked = subprocess.run(("bash", "-n"), input=script, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda it: it.name)
def test_targets_of_make_exist(file: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    lines = [line for step in steps_of(file) for line in step.get("run", "").splitlines()]
    named = [word for line in lines if (found := re.search(r"\bmake ([a-z -]+)", line)) for word in found[1].split()]
    assert [it for it in named if not re.search(rf"^{it}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("file", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda it: it.name)
def test_no_expression_stands_in_a_script(file: Path) -> None:
    """An expression there is code of whoever can set it: it goes through a variable."""
    assert not any(EXPRESSION.search(step.get("run", "")) for step in steps_of(file))
