"""Commands in a container of the level-0 engine, with our standard streams and our signals."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from inception.chain.session.termination import GRACE_S
from inception.engine.connect import Engine
from tests.integration.session.conftest import LIMIT_S, Sessions

pytestmark = pytest.mark.integration

MEGABYTES_10 = 10_000_000


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


def test_open_standard_input_does_not_keep_a_session(sessions: Sessions) -> None:
    with sessions.started("echo", "hi") as process:
        assert process.wait(timeout=LIMIT_S) == 0


def test_input_that_the_command_does_not_read_is_left_for_the_next(sessions: Sessions, tmp_path: Path) -> None:
    """As with any pipe it may be read ahead a little, but a file's end is not waited for."""
    over = tmp_path / "over"
    wait = f"until [ -e {over} ]; do sleep 0.1; done"
    ended = sessions.shell_line(f'({wait}; echo left) | ("$@" true; touch {over}; cat)')
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
        assert time.monotonic() - begun_s < GRACE_S
    sessions.run("pkill", "-KILL", "-f", "echo on")


def test_a_signal_ignored_from_the_start_stays_ignored(sessions: Sessions) -> None:
    ended = sessions.shell_line(
        """trap '' HUP; "$@" sh -c 'echo on; sleep 1; echo done' & sleep 0.7; kill -HUP $!; wait $!"""
    )
    assert ended.stdout == b"on\ndone\n"
