"""Commands at depth 0, which run on the host, and sessions that an engine refuses to make."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import docker
import pexpect
import pytest
from docker.errors import APIError

from inception.chain.session.run import run_session
from inception.errors import CommandRefused, EngineError

CHECKOUT = Path(__file__).parents[4]
DRIVER = "import sys; from inception.chain.session.run import run_local; sys.exit(run_local(sys.argv[1:] or None, {}))"
START = [sys.executable, "-c", DRIVER]
LIMIT_S = 20


def run(*command: str, given: bytes = b"", users_shell: str = "/bin/sh") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*START, *command],
        input=given,
        capture_output=True,
        cwd=CHECKOUT,
        env={**os.environ, "SHELL": users_shell},
        timeout=LIMIT_S,
        check=False,
    )


def test_command_has_our_streams_and_gives_us_its_status() -> None:
    ended = run("sh", "-c", "cat; echo err >&2; exit 7", given=b"\0\xffin")
    assert (ended.stdout, ended.stderr, ended.returncode) == (b"\0\xffin", b"err\n", 7)


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (("nosuch",), 127, b"nosuch: not found"),
        (("/etc/passwd",), 126, b"/etc/passwd: Permission denied"),
        (("sh", "-c", "kill -9 $$"), 137, b""),
        (("sh", "-c", "kill -PIPE $$"), 141, b""),
    ],
)
def test_status_of_a_command_that_cannot_run_or_is_killed(command: tuple[str, ...], status: int, says: bytes) -> None:
    ended = run(*command)
    assert ended.returncode == status
    assert says in ended.stderr


def test_without_a_command_the_users_shell_reads_standard_input() -> None:
    ended = run(given=b"echo at $0; exit 3\n", users_shell="/bin/bash")
    assert (ended.stdout, ended.returncode) == (b"at /bin/bash\n", 3)
    assert run(given=b"echo hi\n", users_shell="").stdout == b"hi\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signal_to_us_is_forwarded_to_the_command(number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got it; exit 33' {name}; echo on; while :; do read -t 0.1; done"
    with subprocess.Popen(
        [*START, "bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.send_signal(number)
        output, _ = process.communicate(timeout=LIMIT_S)
    assert (output, process.returncode) == (b"got it\n", 33)


def test_signal_from_the_terminal_comes_once() -> None:
    script = (
        "count=0; trap 'count=$((count+1)); echo got $count' INT; echo on; for i in $(seq 20); do read -t 0.1; done"
    )
    child = pexpect.spawn(START[0], [*START[1:], "bash", "-c", script], encoding="utf-8", timeout=LIMIT_S, cwd=CHECKOUT)
    child.expect("on\r\n")
    child.sendintr()
    output = child.read()
    child.close()
    assert "got 1" in output
    assert "got 2" not in output


def test_ctrl_c_ends_the_command_and_its_status_says_so() -> None:
    command = ["sh", "-c", "echo on; exec sleep 60"]
    child = pexpect.spawn(START[0], [*START[1:], *command], encoding="utf-8", timeout=LIMIT_S, cwd=CHECKOUT)
    child.expect("on\r\n")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 128 + signal.SIGINT


class RefusingClient(docker.APIClient):
    """A client of an engine that makes no session and gives `refusal`."""

    def __init__(self, refusal: str) -> None:
        super().__init__(base_url="http://nowhere:1", version="1.41")
        self._refusal = refusal

    def exec_create(self, *_: object, **__: object) -> dict[str, str]:
        """Raise the refusal."""
        raise APIError("400", explanation=self._refusal)


@pytest.mark.parametrize(
    ("refusal", "kind", "status"),
    [
        ("unable to find user nosuch: no matching entries in passwd file", CommandRefused, 126),
        ("unable to find group nosuch: no matching entries in group file", CommandRefused, 126),
        ("container inception-dream-3 is not running", EngineError, 125),
    ],
)
def test_a_session_that_the_engine_does_not_make_has_the_status_of_the_cause(
    refusal: str, kind: type[EngineError], status: int
) -> None:
    with RefusingClient(refusal) as client, pytest.raises(EngineError, match=refusal) as caught:
        run_session(client, "inception-dream-3", command=["true"])
    assert (type(caught.value), caught.value.exit_code) == (kind, status)
