"""`inception doctor` on this very machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pexpect
import pytest

from inception.engine.connect import Engine
from inception.plan.privileges import NAMES
from inception.probe.checks import CHECKS
from inception.probe.machine import parse_bounding_set
from tests.integration.conftest import INCEPTION, RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host")]

NOWHERE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


@pytest.fixture
def inception_environment(engine: Engine) -> dict[str, str]:
    """The program under test looks at the engine that the tests run on, be it a private one."""
    return {**os.environ, "DOCKER_HOST": engine.endpoint}


def _report(output: bytes) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(output)
    return report


def _findings(output: bytes) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in _report(output)["checks"]}


def test_every_check_is_reported_and_none_fails_where_chains_run(run_inception: RunInception) -> None:
    done = run_inception("doctor", "--json")
    findings = _findings(done.stdout)
    assert list(findings) == [check.name for check in CHECKS]
    assert {finding["status"] for finding in findings.values()} <= {"pass", "warn", "skip"}
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_missing_capability_is_named_and_what_is_done_instead(run_inception: RunInception) -> None:
    if parse_bounding_set(Path("/proc/self/status").read_text()) >> NAMES.index("SYS_RESOURCE") & 1:
        pytest.skip("this machine has CAP_SYS_RESOURCE")
    privileges = _findings(run_inception("doctor", "--json").stdout)["privileges"]
    if privileges["status"] == "pass":
        pytest.skip("this engine gives --privileged what it holds itself")
    assert privileges["status"] == "warn"
    assert "CAP_SYS_RESOURCE" in privileges["measured"]
    assert "instead" in privileges["measured"]


def test_the_depths_are_those_of_the_planner(run_inception: RunInception) -> None:
    reach = {one["mode"]: one for one in _report(run_inception("doctor", "--json").stdout)["reach"]}
    assert set(reach) == {"auto", "isolated", "shared"}
    deepest = str(reach["isolated"]["depth"])
    one_more = str(reach["isolated"]["depth"] + 1)
    assert run_inception("plan", "--pid", "isolated", "--depth", deepest).returncode == 0
    assert run_inception("plan", "--pid", "isolated", "--depth", one_more).returncode == 2


def test_without_an_engine_the_machine_is_still_checked(run_inception: RunInception) -> None:
    done = run_inception("doctor", "--json", environment=NOWHERE)
    findings = _findings(done.stdout)
    assert done.returncode == 1
    assert findings["engine"]["status"] == "fail"
    assert "/nonexistent/docker.sock" in findings["engine"]["measured"]
    assert findings["engine-version"]["status"] == "skip"
    assert findings["pid-namespaces"]["status"] == "pass"


def test_lines_for_a_file_say_why_and_what_to_do(run_inception: RunInception) -> None:
    lines = run_inception("doctor", environment=NOWHERE).stdout.decode().splitlines()
    assert lines[0].startswith("fail  engine ")
    assert lines[1].strip() == CHECKS[0].why
    assert lines[2].strip().startswith("$ ")
    assert "after the failed checks are remedied:" in lines
    assert any("levels with --pid isolated; the next is stopped by: PID namespaces" in line for line in lines)


def test_a_terminal_gets_a_table(engine: Engine) -> None:
    environment = {**os.environ, "DOCKER_HOST": engine.endpoint, "TERM": "xterm"}
    terminal = pexpect.spawn(INCEPTION, ["doctor"], env=environment, encoding="utf-8", timeout=30, dimensions=(50, 120))
    terminal.expect("measured, and why it matters")
    terminal.expect("levels with --pid shared")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


@pytest.mark.usefixtures("level_image")
def test_booting_one_level_proves_it(run_inception: RunInception) -> None:
    done = run_inception("doctor", "--boot", "--json")
    boot = _findings(done.stdout)["boot"]
    assert boot["status"] == "pass", boot
    assert "Docker" in boot["measured"]
    assert done.returncode == 0


def test_a_level_that_does_not_boot_is_a_failure_with_a_remedy(run_inception: RunInception) -> None:
    done = run_inception("doctor", "--boot", "--json", environment=NOWHERE)
    boot = _findings(done.stdout)["boot"]
    assert (done.returncode, boot["status"]) == (1, "fail")
    assert boot["remedy"]


def test_a_wrong_address_is_a_usage_error(run_inception: RunInception) -> None:
    done = run_inception("doctor", "--engine", "nonsense:")
    assert done.returncode == 2
    assert b"nonsense:" in done.stderr
    assert done.stdout == b""
