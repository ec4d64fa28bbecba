"""Describe chains in files: start one, print the file of one that runs, and use it again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from inception.chain.plan_file import read_plan
from inception.places import run_root
from inception.plan.chain import ChainPlan
from tests.integration.conftest import RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host", "own_run_root")]

CHAIN = """\
name = "described"
ttl = "20m"
mount = ["given:/given:ro"]
daemon-json = '{"labels": ["from=file"]}'
forward = ["18080:80"]

[[levels]]
depth = 2
memory = "1GB"

[[levels]]
pids = 500
dockerd = "--log-level=warn"
"""


def _check(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def _plan(name: str) -> ChainPlan:
    return read_plan(run_root() / name / "plan.json")


def test_a_chain_is_made_from_a_file_and_from_the_file_that_it_gives(
    run_inception: RunInception, tmp_path: Path
) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "note").write_text("from here")
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(CHAIN)
    assert _check(run_inception("up", "--spec", str(first))) == "described\n"
    before = _plan("described")
    assert (before.depth, before.ttl_s, before.level(2).resources.memory) == (3, 1200.0, 10**9)
    assert _check(run_inception("exec", "--", "cat", "/given/note")) == "from here"
    labels = _check(run_inception("exec", "--", "docker", "info", "--format", "{{.Labels}}"))
    assert labels == "[from=file]\n"
    (listed,) = json.loads(_check(run_inception("ls", "--json")))
    assert "18080" in str(listed["forwards"])
    second.write_text(_check(run_inception("spec", "described")))
    _check(run_inception("down", "described"))
    _check(run_inception("up", "--spec", str(second)))
    assert _plan("described") == before
    assert second.read_text() == _check(run_inception("spec"))
    _check(run_inception("down", "described"))
    assert not list(run_root().iterdir())


def test_the_main_job_runs_in_a_chain_of_a_file(run_inception: RunInception, tmp_path: Path) -> None:
    file = tmp_path / "chain.toml"
    file.write_text('name = "job"\ndepth = 2\n')
    done = run_inception("--spec", str(file), "--depth", "1", "--", "hostname")
    assert _check(done) == "job-1\n"


def test_a_forward_that_cannot_be_leaves_nothing(run_inception: RunInception, tmp_path: Path) -> None:
    file = tmp_path / "chain.toml"
    file.write_text('name = "busy"\ndepth = 1\nforward = ["18081:80", "18081:81"]\n')
    done = run_inception("up", "--spec", str(file))
    assert done.returncode == 125
    assert b"chain busy forwards that already" in done.stderr
    assert not list(run_root().iterdir())
