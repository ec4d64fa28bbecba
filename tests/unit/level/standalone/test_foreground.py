from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from inception.level.standalone.foreground import CannotRun, run_in_foreground

PROGRAM = """
import sys
from inception.level.standalone.foreground import run_in_foreground
sys.exit(run_in_foreground(sys.argv[2:], grace_s=float(sys.argv[1])))
"""
GRACE_S = 30.0
"""Longer than a test may take that does not wait for it."""


def _started(*command: str, grace_s: float = GRACE_S) -> subprocess.Popen[str]:
    """A process that runs `command` in its foreground, which has said its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(grace_s), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=20)
    return process.returncode, said


def test_a_commands_status_is_that_of_a_shell() -> None:
    script = (
        "from inception.level.standalone.foreground import run_in_foreground as run;"
        "import sys; sys.exit(run({}, grace_s=1))"
    )
    for command, status in ((["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["true"], 0)):
        done = subprocess.run([sys.executable, "-c", script.format(command)], check=False)
        assert done.returncode == status


@pytest.mark.usefixtures("restored_signals")
def test_a_command_that_cannot_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="nonesuch: not found") as caught:
        run_in_foreground(["nonesuch"], grace_s=1)
    assert caught.value.status == 127
    with pytest.raises(CannotRun, match="Permission denied") as caught:
        run_in_foreground([str(tmp_path)], grace_s=1)
    assert caught.value.status == 126


@pytest.mark.parametrize(("name", "number"), [("HUP", 1), ("INT", 2), ("TERM", 15), ("USR1", 10)])
def test_a_signal_reaches_the_command(name: str, number: int) -> None:
    process = _started("sh", "-c", f"trap 'echo {name}; exit 9' {name}; echo up; while :; do sleep 0.01; done")
    process.send_signal(number)
    assert _ended(process) == (9, f"{name}\n")


def test_a_signal_that_comes_right_before_the_wait_reaches_the_command() -> None:
    """As here, where the interpreter notes a signal and none interrupts what the thread waits for."""
    note = "import _thread, threading; threading.Timer(0.5, _thread.interrupt_main, (15,)).start()"
    command = [sys.executable, "-c", note + PROGRAM, str(GRACE_S), "sleep", str(GRACE_S)]
    assert subprocess.run(command, timeout=GRACE_S / 2, check=False).returncode == 143


def test_a_command_that_ignores_sigterm_is_killed_with_its_group() -> None:
    process = _started("sh", "-c", "trap '' TERM; echo up; sleep 60 & wait", grace_s=0.2)
    process.terminate()
    # The pipe closes when the last of the group is gone.
    assert _ended(process) == (137, "")


def _on_terminal(*command: str) -> pexpect.spawn[str]:
    return pexpect.spawn(
        sys.executable, ["-c", PROGRAM, str(GRACE_S), *command], timeout=20, encoding="utf-8", echo=False
    )


def test_an_interactive_shell_has_the_terminal_and_ends_with_it() -> None:
    shell = _on_terminal("bash", "--norc", "--noprofile")
    shell.sendline("sh -c 'echo up$((1 + 1)); exec sleep 60'")
    shell.expect_exact("up2")
    shell.sendintr()
    shell.expect("bash-[0-9.]+[#$] ")
    shell.sendline("echo status $?")
    shell.expect_exact("status 130")
    shell.kill(15)  # bash passes over this one
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 129


def test_ctrl_c_reaches_the_command_alone() -> None:
    shell = _on_terminal("sh", "-c", "trap 'echo caught; exit 4' INT; echo up; while :; do sleep 0.01; done")
    shell.expect_exact("up")
    shell.sendintr()
    shell.expect_exact("caught")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 4
