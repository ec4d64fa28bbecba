from __future__ import annotations

import json
import socket
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inception.chain.session.control_socket import ControlSocket
from inception.errors import Interrupted, PlanError
from inception.plan.chain import ChainPlan
from inception.plan.protocol import Action, ControlRequest
from tests.factories.plans import FACTS, plan


@pytest.fixture
def chain(tmp_path: Path) -> ChainPlan:
    made = plan(2, replace(FACTS, run_root=str(tmp_path)))
    Path(made.paths.level(0)).mkdir(parents=True)
    return made


def _ask(control_socket: ControlSocket, line: bytes) -> dict[str, Any] | None:
    """Send `line` from a thread while the socket answers here; return the reply, or None if there is none."""
    answers: list[bytes] = []

    def ask() -> None:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(control_socket.path))
            # The socket hangs up on a caller that sends too much.
            with suppress(ConnectionError):
                caller.sendall(line)
                caller.shutdown(socket.SHUT_WR)
                answers.append(caller.makefile("rb").readline())

    asking = threading.Thread(target=ask)
    asking.start()
    control_socket.answer()
    asking.join()
    return json.loads(answers[0]) if any(answers) else None


def _line(**fields: object) -> bytes:
    return json.dumps({"action": "descend", "level": 2, "by": 1, **fields}).encode() + b"\n"


def test_a_request_is_served_and_its_status_is_the_reply(chain: ChainPlan) -> None:
    asked: list[ControlRequest] = []

    def serve(request: ControlRequest) -> int:
        asked.append(request)
        return 7

    with ControlSocket(chain, serve) as control_socket:
        assert _ask(control_socket, _line(by=3)) == {"status": 7}
    assert asked == [ControlRequest(action=Action.DESCEND, level=2, by=3)]


def test_an_error_becomes_the_reply(chain: ChainPlan) -> None:
    def refuse(_: ControlRequest) -> int:
        raise PlanError("too deep", remedy="go less deep")

    with ControlSocket(chain, refuse) as control_socket:
        assert _ask(control_socket, _line()) == {"error": "too deep: go less deep"}


def test_an_interruption_is_raised_by_answer(chain: ChainPlan) -> None:
    def interrupt(_: ControlRequest) -> int:
        raise Interrupted(1)

    with ControlSocket(chain, interrupt) as control_socket, pytest.raises(Interrupted):
        _ask(control_socket, _line())


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"\n", b"{}\n", b"[]\n", b"descend\n", b"{" * 10_000, b"[" * 4000 + b"\n"),
        *(_line(action="dig"), _line(level=0), _line(by=-1), _line(by="x"), _line(by=float("inf"))),
    ],
)
def test_a_line_that_is_no_request_gets_no_reply(chain: ChainPlan, line: bytes) -> None:
    def fail(request: ControlRequest) -> int:
        raise AssertionError(request)

    with ControlSocket(chain, fail) as control_socket:
        assert _ask(control_socket, line) is None


def test_the_socket_is_its_owners_alone_and_removed_in_the_end(chain: ChainPlan) -> None:
    with ControlSocket(chain, lambda _: 0) as control_socket:
        assert stat.S_IMODE(control_socket.path.stat().st_mode) == 0o600
    assert not control_socket.path.exists()


def test_clients_with_the_same_process_id_have_sockets_of_their_own(chain: ChainPlan) -> None:
    # In containers that is the rule: most clients are process 7 there.
    with ControlSocket(chain, lambda _: 0) as one, ControlSocket(chain, lambda _: 0) as other:
        assert one.path != other.path
