"""Shells in the levels, on a terminal: exit climbs a level, descend goes deeper, kick ends the chain."""

from __future__ import annotations

import pexpect
import pytest

from tests.integration.conftest import INCEPTION, RunInception

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host", "own_run_root")]


def _spawn(*arguments: str) -> pexpect.spawn[str]:
    return pexpect.spawn(INCEPTION, list(arguments), dimensions=(30, 100), timeout=60, encoding="utf-8")


def _status(shell: pexpect.spawn[str]) -> int | None:
    shell.expect(pexpect.EOF)
    shell.close()
    return shell.exitstatus


def test_four_exits_climb_four_levels_to_the_host() -> None:
    shell = _spawn("--depth", "4", "--shells", "--name", "climb")
    for level in (4, 3, 2, 1):
        shell.expect_exact(f"[{level}/{level}] root@climb-{level}:/#")
        shell.sendline(f"echo at $((INCEPTION_LEVEL * 100)); exit {level}")
        shell.expect_exact(f"at {level}00")
    assert _status(shell) == 1


def test_descend_from_level_2_returns_to_the_same_shell() -> None:
    shell = _spawn("--depth", "2", "--shells", "--name", "deeper")
    shell.expect_exact("[2/2] root@deeper-2:/#")
    shell.sendline("cd /tmp; kept=$((40 + 2)); descend 2")
    shell.expect_exact("[4/4] root@deeper-4:/#")
    shell.sendline("descend")
    shell.expect_exact("[5/5] root@deeper-5:/#")
    shell.sendline("exit 3")
    shell.expect_exact("[4/4] root@deeper-4:/#")
    shell.sendline("echo status $?; exit 4")
    shell.expect_exact("status 3")
    shell.expect_exact("[2/2] root@deeper-2:/tmp#")
    shell.sendline('echo "<$?:$kept:$(docker ps --all --quiet)>"')
    shell.expect_exact("<4:42:>")
    shell.sendline("history | grep -c descend")
    shell.expect_exact("2\r\n")
    shell.sendline("exit")
    shell.expect_exact("[1/1] root@deeper-1:/#")
    shell.sendline("exit 0")
    assert _status(shell) == 0


def test_kick_in_level_2_ends_the_chain() -> None:
    shell = _spawn("--depth", "3", "--shells", "--name", "topple")
    shell.expect_exact("[3/3]")
    shell.sendline("exit")
    shell.expect_exact("[2/2]")
    shell.sendline("kick")
    assert _status(shell) == 0


def test_kick_below_a_waiting_shell_ends_the_chain() -> None:
    shell = _spawn("--depth", "1", "--name", "both")
    shell.expect_exact("[1/1]")
    shell.sendline('docker rmi --force "$INCEPTION_IMAGE" >/dev/null && descend')
    shell.expect_exact("was removed from the engine of level 1: loading it again")
    shell.expect_exact("[2/2]")
    shell.sendline("kick")
    assert _status(shell) == 0


def test_ctrl_c_during_descend_returns_to_the_waiting_shell() -> None:
    shell = _spawn("--depth", "1", "--name", "halfway")
    shell.expect_exact("[1/1]")
    shell.sendline("descend 5")
    shell.expect_exact("containerd")
    shell.sendintr()
    shell.expect_exact("[1/1]")
    shell.sendline('echo "<$(docker ps --all --quiet)>"; exit 6')
    shell.expect_exact("<>")
    assert _status(shell) == 6


def test_descend_works_in_a_shell_of_a_detached_chain(run_inception: RunInception) -> None:
    assert run_inception("up", "--depth", "2", "--name", "visited").returncode == 0
    try:
        shell = _spawn("shell", "visited", "--level", "1")
        shell.expect_exact("[1/2] root@visited-1:/#")
        shell.sendline("descend")  # To a level that is there already.
        shell.expect_exact("[2/2] root@visited-2:/#")
        shell.sendline("descend")
        shell.expect_exact("[3/3] root@visited-3:/#")
        shell.sendline("exit")
        shell.expect_exact("[2/2] root@visited-2:/#")
        shell.sendline("exit")
        shell.expect_exact("[1/2] root@visited-1:/#")
        shell.sendline("exit 0")
        assert _status(shell) == 0
        assert run_inception("exec", "--", "hostname").stdout == b"visited-2\n"
    finally:
        run_inception("down", "visited")


def test_impossible_descend_is_an_error_in_the_level(run_inception: RunInception) -> None:
    done = run_inception("--depth", "1", "--quiet", "--", "env", "-u", "INCEPTION_CLIENT", "descend")
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"no client holds this session" in done.stderr
    done = run_inception("--depth", "1", "--quiet", "--", "descend", "-3")
    assert (done.returncode, done.stderr) == (2, b"usage: descend [N]\n")
    done = run_inception("--depth", "1", "--quiet", "--", "descend", "5000")
    assert done.returncode == 125
    assert done.stderr.startswith(b"descend: depth 5001 is not between 0 and 1000")


def test_shells_and_a_command_exclude_each_other(run_inception: RunInception) -> None:
    done = run_inception("--depth", "1", "--shells", "--", "true")
    assert done.returncode == 2
