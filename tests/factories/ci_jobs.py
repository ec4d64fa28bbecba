"""Read the CI jobs of a page of the manual: what a runner would be told to do, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INSTALLING = re.compile(r"^(apt-get|(PIPX_BIN_DIR=\S+ )?pipx install) .*$", re.MULTILINE)
"""Lines that install the program: `make release-check` does the same with the packages that it has built."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of a page: its `text`, the service that it is for, and its scripts, without lines that install."""

    page: str
    number: int
    text: str
    is_github: bool
    scripts: tuple[str, ...]

    def __str__(self) -> str:
        """Return the page and the job's number on it."""
        return f"{self.page}-{self.number}"


def jobs_of(page: Path) -> list[Job]:
    """Return the jobs in the YAML blocks of `page`. Raises yaml.YAMLError, and KeyError for one without a script."""
    jobs = []
    for number, text in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), 1):
        content = yaml.safe_load(text)
        is_github = "jobs" in content
        scripts = _github(content) if is_github else _gitlab(content)
        ours = tuple(ours for it in scripts if (ours := _INSTALLING.sub("", it).strip()))
        jobs.append(Job(page=page.stem, number=number, text=text, is_github=is_github, scripts=ours))
    return jobs


def _github(content: dict[str, Any]) -> list[str]:
    return [step["run"] for job in content["jobs"].values() for step in job["steps"] if "run" in step]


def _gitlab(content: dict[str, Any]) -> list[str]:
    """Return all lines as one script, as the runner does, and what comes after it as another."""
    (job,) = content.values()
    return ["\n".join((*job.get("before_script", ()), *job["script"])), "\n".join(job.get("after_script", ()))]
