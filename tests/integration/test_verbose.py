"""The diagnostic log on a real engine."""

from __future__ import annotations

import pexpect
import pytest

from tests.integration.conftest import INCEPTION, RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]


@pytest.mark.parametrize("arguments", [("--verbose", "plan", "--depth", "2"), ("plan", "--depth", "2", "-v")])
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
    assert run_inception("plan", "--depth", "2", "--engine", "auto").stderr == b""


def test_a_terminal_gets_whole_lines() -> None:
    shown = pexpect.run(f"{INCEPTION} -v --depth 1 -- echo done", env=None, timeout=60).decode()
    assert "\x1b[?25l" not in shown, "something was drawn live"
    assert "done" in shown.splitlines()
    assert any(("/1/" in line and ": GET /" in line) or ": POST /" in line for line in shown.splitlines())
