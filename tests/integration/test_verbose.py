"""The diagnostic log on a real engine."""

from __future__ import annotations

import os

import pexpect
import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import INCEPTION, RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]


@pytest.fixture
def inception_environment(engine: Engine) -> dict[str, str]:
    """The program under test has an engine, so that it need not say that it starts one."""
    return {**os.environ, "DOCKER_HOST": engine.endpoint, "TERM": "xterm"}


@pytest.mark.parametrize("arguments", [("--verbose", "plan", "--depth", "2"), ("plan", "--depth", "2", "--verbose")])
def test_verbose_logs_engine_calls_and_decisions(run_inception: RunInception, arguments: tuple[str, ...]) -> None:
    done = run_inception(*arguments)
    assert done.returncode == 0
    lines = done.stderr.decode().splitlines()
    assert all(line.startswith("inception: ") for line in lines)
    assert any(": GET /" in line and line.endswith(" ms") for line in lines)
    assert any(": PID namespaces: " in line for line in lines)


def test_info_leaves_out_engine_calls(run_inception: RunInception) -> None:
    said = run_inception("plan", "--depth", "2", environment={"INCEPTION_LOG": "info"}).stderr.decode()
    assert ": PID namespaces: " in said
    assert "GET /" not in said


def test_nothing_is_logged_by_default(run_inception: RunInception) -> None:
    assert run_inception("plan", "--depth", "2").stderr == b""


def test_a_terminal_gets_whole_lines(inception_environment: dict[str, str]) -> None:
    child = pexpect.spawn(
        INCEPTION,
        ["--verbose", "--depth", "1", "--", "echo", "done"],
        env=inception_environment,
        encoding="utf-8",
        timeout=60,
    )
    lines = child.read().splitlines()
    child.close()
    assert child.exitstatus == 0
    assert not any("\x1b[?25l" in line for line in lines), "something was drawn live"
    assert "done" in lines
    assert any(": POST /" in line and line.endswith(" ms") for line in lines)
