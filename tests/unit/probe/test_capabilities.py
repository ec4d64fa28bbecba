from __future__ import annotations

from typing import Any

import pytest
import requests
from docker.errors import APIError, ImageNotFound

from inception.linux.capabilities import names_in
from inception.plan.privileges import NAMES
from inception.probe.capabilities import ask_known, decide

ALL = frozenset(NAMES)


class Engine:
    """EngineAnswers `create` as an engine that takes `known` only, in the words of its version."""

    def __init__(self, known: frozenset[str], words: str) -> None:
        self.known = known
        self.words = words
        self.asked: list[list[str]] = []

    def create_host_config(self, cap_add: list[str]) -> dict[str, Any]:
        return {"CapAdd": cap_add}

    def create_container(self, image: str, command: list[str], host_config: dict[str, Any]) -> None:
        assert command
        asked = host_config["CapAdd"]
        self.asked.append(list(asked))
        refused = [name for name in asked if name not in self.known]
        if refused:
            response = requests.Response()
            response.status_code = 400
            raise APIError("400", response=response, explanation=self.words.format(refused[0]))
        raise ImageNotFound("404", explanation=f"No such image: {image}")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        # Docker 20.10 on any kernel
        (ALL - {"PERFMON", "BPF", "CHECKPOINT_RESTORE"}, 'invalid CapAdd: unknown capability: "CAP_{}"'),
        # Docker 23.0 and later
        (
            ALL - {"SYS_RESOURCE"},
            'capability not supported by your kernel or not available in the current environment: "CAP_{}"',
        ),
        (ALL, ""),
    ],
)
def test_refused_capabilities_are_left_out(known: frozenset[str], words: str) -> None:
    engine = Engine(known, words)
    assert ask_known(engine) == tuple(name for name in NAMES if name in known)  # type: ignore[arg-type]
    assert len(engine.asked) == len(ALL - known) + 1


def test_another_error_of_the_engine_is_raised() -> None:
    with pytest.raises(APIError, match="authorization denied"):
        ask_known(Engine(frozenset(), "authorization denied by plugin"))  # type: ignore[arg-type]


def test_an_unbounded_engine_can_do_privileged() -> None:
    decided = decide(known=NAMES, held=NAMES)
    assert decided.privileged
    assert decided.given == NAMES


def test_an_old_engine_asks_only_for_the_names_it_knows() -> None:
    """Docker 20.10 on a kernel with BPF: `--privileged` never asks for it."""
    assert decide(known=NAMES[:38], held=NAMES).privileged


def test_privileged_fails_for_one_capability_that_is_known_but_not_held() -> None:
    held = tuple(name for name in NAMES if name != "SYS_RESOURCE")
    decided = decide(known=NAMES[:38], held=held)
    assert not decided.privileged
    assert decided.given == tuple(name for name in NAMES[:38] if name != "SYS_RESOURCE")


def test_a_new_engine_knows_only_what_it_holds() -> None:
    held = tuple(name for name in NAMES if name != "SYS_RESOURCE")
    assert decide(known=held, held=held).privileged


def test_names_in_a_mask() -> None:
    assert names_in(0x1FFFFFFFFFF) == NAMES
    assert set(NAMES) - set(names_in(0x1FFFEFFFFFF)) == {"SYS_RESOURCE"}
    assert names_in(1 << 60 | 1) == ("CHOWN",)
