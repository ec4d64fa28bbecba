"""Commands in a container of the level-0 engine, at our terminal."""

from __future__ import annotations

import os
import re
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import wait_for
from tests.integration.session.conftest import CHECKOUT, LIMIT_S, Sessions, sleeping_container

pytestmark = pytest.mark.integration


def test_at_a_terminal_the_command_has_one(sessions: Sessions) -> None:
    child = sessions.at_terminal("sh", "-c", "tty; echo $TERM; stty size; exit 8", rows=37, columns=91)
    output = child.read()
    child.close()
    assert re.fullmatch(r"/dev/pts/\d+\r\nxterm-256color\r\n37 91\r\n", output)
    assert child.exitstatus == 8


def test_a_shell_at_a_terminal(sessions: Sessions) -> None:
    child = sessions.at_terminal()
    child.expect(r"# ")
    child.sendline("echo $((40+2)) $-; tty")
    child.expect(r"42 \w*i\w*\r\n/dev/pts/\d+\r\n")
    child.expect(r"# ")
    child.sendline("exit 5")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 5


def test_resizes_arrive(sessions: Sessions) -> None:
    watch = 'while :; do now=$(stty size); [ "$now" = "$was" ] || echo now $now; was=$now; sleep 0.05; done'
    child = sessions.at_terminal("sh", "-c", watch)
    child.expect("now 24 80\r\n")
    for size in ((40, 100), (41, 101), (50, 132)):
        child.setwinsize(*size)
    child.expect("now 50 132\r\n")
    child.setwinsize(0, 0)
    child.setwinsize(10, 20)
    child.expect("now 10 20\r\n")
    child.sendintr()
    child.expect(pexpect.EOF)


def test_control_keys_go_to_the_command(sessions: Sessions) -> None:
    child = sessions.at_terminal("bash", "-c", "trap 'echo got it' INT; echo on; sleep 5; cat")
    child.expect("on\r\n")
    child.sendintr()
    child.expect("got it\r\n")
    child.sendline("typed")
    child.expect("typed\r\ntyped\r\n")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_each_key_arrives_at_once(sessions: Sessions) -> None:
    """Ctrl-P above all, which the engine would hold back: it could begin the sequence that detaches."""
    child = sessions.at_terminal("sh", "-c", "stty raw -echo; echo on; exec od -An -v -tu1 -w1 -N32")
    child.expect("on")
    for key in (*range(30), 31, 127):
        child.send(chr(key))
        child.expect(rf"\b{key}\b", timeout=2)
    child.close(force=True)


def matched(child: pexpect.spawn[str]) -> tuple[str, ...]:
    """The groups of what `child.expect` has just found."""
    assert isinstance(child.match, re.Match)
    return child.match.groups()


class OurTerminal:
    """A terminal in which a shell runs a session, and prints its settings before and after, and the status."""

    def __init__(self, sessions: Sessions, *command: str) -> None:
        script = 'echo "before $(stty -g)"; "$@"; status=$?; echo "after $(stty -g) status $status"'
        self.child = pexpect.spawn(
            "sh",
            ["-c", script, "sh", *sessions.start, *command],
            encoding="utf-8",
            timeout=LIMIT_S,
            cwd=str(CHECKOUT),
        )
        self.child.expect(r"before (\S+)\r\n")
        (self.before,) = matched(self.child)

    @property
    def raw(self) -> bool:
        return not termios.tcgetattr(self.child.child_fd)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    @property
    def session_pid(self) -> int:
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text()
        return int(children.split()[-1])

    def expect_restored(self, status: int) -> None:
        self.child.expect(r"after (\S+) status (\d+)\r\n")
        assert matched(self.child) == (self.before, str(status))


@pytest.fixture
def shell(sessions: Sessions) -> Iterator[OurTerminal]:
    terminal = OurTerminal(sessions, "bash", "--norc")
    terminal.child.expect("# ")
    assert terminal.raw
    yield terminal
    terminal.child.close(force=True)


def test_the_terminal_is_restored_when_the_command_ends(shell: OurTerminal) -> None:
    shell.child.sendline("exit 3")
    shell.expect_restored(3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_the_terminal_is_restored_when_a_signal_ends_us(shell: OurTerminal, number: signal.Signals) -> None:
    os.kill(shell.session_pid, number)
    shell.child.expect(f"Interrupted: interrupted by signal {number}")
    shell.expect_restored(128 + number)


def test_a_shell_whose_terminal_is_gone_ends(sessions: Sessions, shell: OurTerminal) -> None:
    shell.child.sendline("exec -a left-alone sleep 314")
    wait_for(lambda: sessions.run("pgrep", "-f", "left-alone").returncode == 0, LIMIT_S, "the command does not run")
    os.kill(shell.session_pid, signal.SIGTERM)
    shell.expect_restored(128 + signal.SIGTERM)
    assert sessions.run("pgrep", "-f", "left-alone").returncode == 1


def test_the_terminal_is_restored_when_the_container_ends(engine: Engine, level_image: str) -> None:
    with sleeping_container(engine, level_image) as container:
        terminal = OurTerminal(Sessions(engine.endpoint, container), "bash", "--norc")
        terminal.child.expect("# ")
        engine.client.kill(container)
        terminal.expect_restored(137)


def test_the_terminal_is_ours_while_we_are_stopped(shell: OurTerminal) -> None:
    session = shell.session_pid
    os.kill(session, signal.SIGTSTP)
    wait_for(lambda: "T (stopped)" in Path(f"/proc/{session}/status").read_text(), LIMIT_S, "it does not stop")
    assert not shell.raw
    shell.child.setwinsize(33, 77)
    os.kill(session, signal.SIGCONT)
    wait_for(lambda: shell.raw, LIMIT_S, "the terminal is not raw")
    shell.child.sendline("stty size")
    shell.child.expect("33 77\r\n")
    shell.child.sendline("exit")
    shell.expect_restored(0)
