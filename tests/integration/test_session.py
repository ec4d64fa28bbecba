"""Commands in a container of the level-0 engine, with our standard streams or our terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from inception.chain.session.termination import GRACE_S
from inception.engine.connect import Engine
from tests.integration.conftest import lasting_difference, steady_inventory

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[2]
MEGABYTES_10 = 10_000_000
LIMIT_S = 30
FINISH_S = 1.5
"""A command that ends by itself is over well before this, one that is waited for in vain is not."""

# Stands for the command line: address, container, then the command.
DRIVER = """
import sys, docker
from inception.chain.session.run import run_session
from inception.errors import InceptionError, Interrupted
address, container, *command = sys.argv[1:]
client = docker.APIClient(base_url=address, timeout=60)
try:
    sys.exit(run_session(client, container, command=command or None))
except (InceptionError, Interrupted) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


@contextmanager
def sleeping_container(engine: Engine, image: str) -> Iterator[str]:
    created = engine.client.create_container(image, ["tini", "-s", "--", "sleep", "600"])
    try:
        engine.client.start(created["Id"])
        yield created["Id"]
    finally:
        engine.client.remove_container(created["Id"], force=True, v=True)


@pytest.fixture(scope="module")
def container(engine: Engine, level_image: str) -> Iterator[str]:
    """Shared by all tests here; after the last one the host is as it was before the first."""
    before = steady_inventory(engine)
    with sleeping_container(engine, level_image) as container:
        yield container
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


class Sessions:
    """Starts sessions in one container, each by a process of its own."""

    def __init__(self, address: str, container: str) -> None:
        self.start = [sys.executable, "-c", DRIVER, address, container]

    def run(self, *command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.start, *command], input=given, capture_output=True, timeout=LIMIT_S, check=False, cwd=CHECKOUT
        )

    def shell_line(self, line: str) -> subprocess.CompletedProcess[bytes]:
        """Run a line of bash in which "$@" is the start of a session."""
        return subprocess.run(
            ["bash", "-c", line, "bash", *self.start],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
            cwd=CHECKOUT,
        )

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A session with pipes; it has said a line when this begins. Killed in the end."""
        with subprocess.Popen(
            [*self.start, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=CHECKOUT,
        ) as process:
            try:
                assert process.stdout is not None
                process.stdout.readline()
                yield process
            finally:
                process.kill()

    def at_terminal(self, *command: str, rows: int = 24, columns: int = 80) -> pexpect.spawn[str]:
        return pexpect.spawn(
            self.start[0],
            [*self.start[1:], *command],
            dimensions=(rows, columns),
            timeout=LIMIT_S,
            encoding="utf-8",
            cwd=str(CHECKOUT),
            env={**os.environ, "TERM": "xterm-256color"},
        )


@pytest.fixture
def sessions(engine: Engine, container: str) -> Sessions:
    return Sessions(engine.endpoint, container)


def test_streams_stay_apart_and_the_status_is_the_commands(sessions: Sessions) -> None:
    ended = sessions.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ended.stdout, ended.stderr, ended.returncode) == (b"out\n", b"err\n", 7)


def test_standard_input_ends_where_ours_ends(sessions: Sessions) -> None:
    assert sessions.run("wc", "-c", given=b"abc").stdout == b"3\n"
    assert sessions.run("wc", "-c").stdout == b"0\n"


def test_output_goes_on_after_standard_input_has_ended(sessions: Sessions) -> None:
    ended = sessions.run("sh", "-c", "cat; sleep 0.5; echo later; cat; echo err >&2", given=b"first\n")
    assert (ended.stdout, ended.stderr) == (b"first\nlater\n", b"err\n")


def test_ten_megabytes_both_ways_at_once(sessions: Sessions) -> None:
    noise = os.urandom(MEGABYTES_10)
    ended = sessions.run("cat", given=noise)
    assert ended.stdout == noise
    assert (ended.stderr, ended.returncode) == (b"", 0)


def test_much_on_both_outputs(sessions: Sessions) -> None:
    ended = sessions.run("sh", "-c", "head -c 3000000 /dev/zero & head -c 2000000 /dev/zero >&2; wait")
    assert (len(ended.stdout), len(ended.stderr), ended.returncode) == (3_000_000, 2_000_000, 0)


def test_a_command_that_never_reads_ends_all_the_same(sessions: Sessions) -> None:
    noise = os.urandom(MEGABYTES_10)
    ended = sessions.run("sh", "-c", "head -c 1000000 /dev/zero; exit 5", given=noise)
    assert (len(ended.stdout), ended.returncode) == (1_000_000, 5)


def test_a_command_that_reads_late_gets_everything(sessions: Sessions) -> None:
    noise = os.urandom(MEGABYTES_10)
    ended = sessions.run("sh", "-c", "head -c 3000000 /dev/zero; sleep 0.5; wc -c", given=noise)
    assert ended.stdout[3_000_000:] == b"10000000\n"


def test_closed_output_ends_the_command_quietly_and_promptly(sessions: Sessions) -> None:
    ended = sessions.shell_line('"$@" yes | head -n 1; echo ${PIPESTATUS[0]}')
    assert (ended.stdout, ended.stderr) == (b"y\n141\n", b"")


def test_command_that_ignores_sigpipe_is_left_behind_after_the_grace_period(sessions: Sessions) -> None:
    begun_s = time.monotonic()
    ended = sessions.shell_line(
        """\"$@" sh -c 'trap "" PIPE; while :; do echo y; done' 2>&1 | head -n 1; echo ${PIPESTATUS[0]}"""
    )
    assert ended.stdout.splitlines()[-1] == b"141"
    assert time.monotonic() - begun_s > GRACE_S
    sessions.run("pkill", "-f", "echo y")


def test_output_that_cannot_be_written_is_an_error(sessions: Sessions) -> None:
    ended = sessions.shell_line('"$@" yes > /dev/full')
    assert (ended.returncode, ended.stdout) == (125, b"")
    assert ended.stderr == b"InceptionError: cannot write the command's output: No space left on device\n"


def test_output_and_errors_in_one_place(sessions: Sessions) -> None:
    ended = sessions.shell_line(""""$@" sh -c 'echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3' 2>&1""")
    assert ended.stdout == b"1\n2\n3\n"


def test_open_standard_input_does_not_delay_the_end(sessions: Sessions) -> None:
    begun_s = time.monotonic()
    with sessions.started("echo", "hi") as process:
        assert process.wait(timeout=LIMIT_S) == 0
    assert time.monotonic() - begun_s < FINISH_S


def test_input_that_the_command_does_not_read_is_left_for_the_next(sessions: Sessions) -> None:
    """As with any pipe it may be read ahead a little, but a file's end is not waited for."""
    ended = sessions.shell_line('(sleep 1; echo left) | ("$@" true; cat)')
    assert ended.stdout == b"left\n"


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (("nosuch",), 127, b"nosuch: not found"),
        (("/etc/passwd",), 126, b"/etc/passwd: Permission denied"),
        (("/etc",), 126, b"/etc: Permission denied"),
        (("sh", "-c", "kill -9 $$"), 137, b""),
    ],
)
def test_status_of_a_command_that_cannot_run_or_is_killed(
    sessions: Sessions, command: tuple[str, ...], status: int, says: bytes
) -> None:
    ended = sessions.run(*command)
    assert (ended.returncode, ended.stdout) == (status, b"")
    assert says in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_command_that_outlives_its_output(sessions: Sessions) -> None:
    assert sessions.run("sh", "-c", "exec >&- 2>&-; sleep 0.7; exit 9").returncode == 9


def test_background_child_does_not_delay_the_end_for_long(sessions: Sessions) -> None:
    begun_s = time.monotonic()
    ended = sessions.run("sh", "-c", "sleep 271 & echo started; exit 3")
    assert (ended.stdout, ended.returncode) == (b"started\n", 3)
    assert time.monotonic() - begun_s < 10
    assert sessions.run("pkill", "-f", "sleep 271").returncode == 0


def test_without_a_command_a_shell_reads_standard_input(sessions: Sessions) -> None:
    ended = sessions.run(given=b"echo $0; echo $-; exit 6\necho not reached\n")
    assert ended.stdout.splitlines()[0] == b"bash"
    assert b"i" not in ended.stdout.splitlines()[1]
    assert ended.returncode == 6
    assert sessions.run(given=b"echo to its end").returncode == 0


def test_missing_container_is_an_error_in_one_line(engine: Engine) -> None:
    ended = Sessions(engine.endpoint, "inception-nosuch-1").run("true")
    assert ended.returncode == 125
    assert ended.stderr.startswith(b"EngineError: a session in inception-nosuch-1: No such container")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_reach_the_command(sessions: Sessions, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    with sessions.started(
        "bash", "-c", f"trap 'echo got {name}; exit 33' {name}; echo on; while :; do read -t 0.1; done"
    ) as it:
        it.send_signal(number)
        output, errors = it.communicate(timeout=LIMIT_S)
    assert (output, errors, it.returncode) == (f"got {name}\n".encode(), b"", 33)


def test_signals_reach_the_commands_children_too(sessions: Sessions) -> None:
    with sessions.started("sh", "-c", "echo on; sleep 271; exit 1") as it:
        it.send_signal(signal.SIGTERM)
        assert it.wait(timeout=LIMIT_S) == 128 + signal.SIGTERM
    assert sessions.run("pgrep", "-f", "sleep 271").returncode == 1


IGNORES_SIGNALS = ("sh", "-c", "trap '' TERM INT; echo on; while :; do sleep 0.1; done")


def test_command_that_ignores_signals_is_left_behind_after_the_grace_period(sessions: Sessions) -> None:
    with sessions.started(*IGNORES_SIGNALS) as it:
        begun_s = time.monotonic()
        it.send_signal(signal.SIGTERM)
        _, errors = it.communicate(timeout=LIMIT_S)
        took_s = time.monotonic() - begun_s
    assert (it.returncode, errors) == (128 + signal.SIGTERM, b"Interrupted: interrupted by signal 15\n")
    assert GRACE_S <= took_s < GRACE_S + 1
    sessions.run("pkill", "-KILL", "-f", "echo on")


def test_command_that_ignores_signals_is_left_behind_at_the_second(sessions: Sessions) -> None:
    with sessions.started(*IGNORES_SIGNALS) as it:
        begun_s = time.monotonic()
        it.send_signal(signal.SIGINT)
        time.sleep(0.5)
        it.send_signal(signal.SIGINT)
        assert it.wait(timeout=LIMIT_S) == 128 + signal.SIGINT
        assert time.monotonic() - begun_s < GRACE_S - 0.5
    sessions.run("pkill", "-KILL", "-f", "echo on")


def test_a_signal_ignored_from_the_start_stays_ignored(sessions: Sessions) -> None:
    ended = sessions.shell_line(
        """trap '' HUP; "$@" sh -c 'echo on; sleep 1; echo done' & sleep 0.7; kill -HUP $!; wait $!"""
    )
    assert ended.stdout == b"on\ndone\n"


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


def wait_until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


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
    time.sleep(0.5)
    assert sessions.run("pgrep", "-f", "left-alone").returncode == 0
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
    wait_until(lambda: "T (stopped)" in Path(f"/proc/{session}/status").read_text())
    assert not shell.raw
    shell.child.setwinsize(33, 77)
    os.kill(session, signal.SIGCONT)
    wait_until(lambda: shell.raw)
    shell.child.sendline("stty size")
    shell.child.expect("33 77\r\n")
    shell.child.sendline("exit")
    shell.expect_restored(0)
