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

from inception.chain.session.control_socket import Door, Question, Wish
from inception.errors import Interrupted, PlanError
from inception.plan.chain import ChainPlan
from tests.unit.plans import FACTS, plan


@pytest.fixture
def chain(tmp_path: Path) -> ChainPlan:
    made = plan(2, replace(FACTS, run_root=str(tmp_path)))
    Path(made.paths.level(0)).mkdir(parents=True)
    return made


def _ask(door: Door, line: bytes) -> dict[str, Any] | None:
    """Ask in a thread while the door answers here; None if there was no answer."""
    answers: list[bytes] = []

    def ask() -> None:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(door.path))
            # Who says too much is hung up on.
            with suppress(ConnectionError):
                caller.sendall(line)
                caller.shutdown(socket.SHUT_WR)
                answers.append(caller.makefile("rb").readline())

    asking = threading.Thread(target=ask)
    asking.start()
    door.answer()
    asking.join()
    return json.loads(answers[0]) if any(answers) else None


def _line(**fields: object) -> bytes:
    return json.dumps({"ask": "descend", "level": 2, "by": 1, **fields}).encode() + b"\n"


def test_a_question_is_served_and_its_status_is_the_answer(chain: ChainPlan) -> None:
    asked: list[Question] = []

    def serve(question: Question) -> int:
        asked.append(question)
        return 7

    with Door(chain, serve) as door:
        assert _ask(door, _line(by=3)) == {"status": 7}
    assert asked == [Question(ask=Wish.DESCEND, level=2, by=3)]


def test_an_error_is_an_answer_too(chain: ChainPlan) -> None:
    def refuse(_: Question) -> int:
        raise PlanError("too deep", remedy="go less deep")

    with Door(chain, refuse) as door:
        assert _ask(door, _line()) == {"error": "too deep: go less deep"}


def test_an_interruption_is_for_the_one_who_waits_here(chain: ChainPlan) -> None:
    def interrupt(_: Question) -> int:
        raise Interrupted(1)

    with Door(chain, interrupt) as door, pytest.raises(Interrupted):
        _ask(door, _line())


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"\n", b"{}\n", b"[]\n", b"descend\n", b"{" * 10_000),
        *(_line(ask="dig"), _line(level=0), _line(by=-1), _line(by="x")),
    ],
)
def test_what_is_no_question_gets_no_answer(chain: ChainPlan, line: bytes) -> None:
    def fail(question: Question) -> int:
        raise AssertionError(question)

    with Door(chain, fail) as door:
        assert _ask(door, line) is None


def test_the_door_is_its_owner_s_and_goes_with_it(chain: ChainPlan) -> None:
    with Door(chain, lambda _: 0) as door:
        assert stat.S_IMODE(door.path.stat().st_mode) == 0o600
    assert not door.path.exists()
