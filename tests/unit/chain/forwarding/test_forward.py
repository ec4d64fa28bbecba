from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.forwarding.forward import Exposure, Forward, parse_forward
from inception.chain.forwarding.records import forwards_of, read_record, record_path, write_record
from inception.chain.forwarding.start import start
from inception.cli.commands.forward import name_and_target
from inception.errors import ChainError, UsageError
from inception.linux import flock
from inception.plan.protocol import SocketRequest, SocketUse
from tests.factories.plans import ENGINE, FACTS, plan

FORWARD = Forward(level=2, address="127.0.0.1", port=8080, container="web", target=80, protocol="tcp")


@pytest.mark.parametrize(
    ("text", "forward", "shown"),
    [
        ("8080:web:80", FORWARD, "127.0.0.1:8080 to web:80 in level 2"),
        ("8080:80", replace(FORWARD, container=None), "127.0.0.1:8080 to 80 in level 2"),
        ("0.0.0.0:8080:80/tcp", replace(FORWARD, address="0.0.0.0", container=None), "0.0.0.0:8080 to 80 in level 2"),  # noqa: S104
        (
            "[::1]:53:a.b-c_d:5353/udp",
            Forward(level=2, address="::1", port=53, container="a.b-c_d", target=5353, protocol="udp"),
            "[::1]:53/udp to a.b-c_d:5353 in level 2",
        ),
    ],
)
def test_a_forward_has_a_place_here_and_a_target(text: str, forward: Forward, shown: str) -> None:
    assert parse_forward(text, 2) == forward
    assert str(forward) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8080", "'8080' is not [ADDRESS:]PORT:[CONTAINER:]PORT[/udp]"),
        ("web:80:8080", "is not [ADDRESS:]PORT"),
        ("8080:80/sctp", "is not [ADDRESS:]PORT"),
        ("0:80", "0 is not a port: use 1 to 65535"),
        ("80:70000", "70000 is not a port"),
        ("300.0.0.1:80:80", "'300.0.0.1' is not an address"),
        ("[::g]:80:80", "is not [ADDRESS:]PORT"),
    ],
)
def test_what_is_no_forward_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_forward(text, 1)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("words", "exposing", "meant"),
    [
        (["80:80"], False, (None, "80:80")),
        (["dream", "80:80"], False, ("dream", "80:80")),
        ([], True, (None, "")),
        (["dream"], True, ("dream", "")),
    ],
)
def test_the_name_of_the_chain_may_be_left_out(words: list[str], exposing: bool, meant: tuple[str | None, str]) -> None:
    assert name_and_target(words, exposing=exposing) == meant


@pytest.mark.parametrize(("words", "exposing"), [([], False), (["a", "b", "c"], False), (["dream", "80:80"], True)])
def test_too_few_or_too_many_words_are_refused(words: list[str], exposing: bool) -> None:
    with pytest.raises(UsageError, match="as \\[NAME\\]"):
        name_and_target(words, exposing=exposing)


def test_forwards_are_listed_as_long_as_their_process_holds_their_file(tmp_path: Path) -> None:
    made = plan(2, replace(FACTS, run_root=str(tmp_path)))
    Path(made.run_directory).mkdir()
    assert forwards_of(made) == ()
    record, exposed = write_record(made, FORWARD), write_record(made, Exposure(port=5000))
    assert (read_record(record), read_record(exposed)) == (FORWARD, Exposure(port=5000))
    with flock.held(record), flock.held(exposed):
        assert set(forwards_of(made)) == {FORWARD, Exposure(port=5000)}
        with pytest.raises(ChainError, match="chain dream forwards that already"):
            start(made, replace(FORWARD, container="other"))
    assert forwards_of(made) == ()


def test_a_chain_on_a_far_engine_is_out_of_reach() -> None:
    far = plan(2, replace(FACTS, engine=replace(ENGINE, local=False, endpoint="tcp://far:2376")))
    with pytest.raises(ChainError, match="are on tcp://far:2376, out of reach"):
        start(far, FORWARD)


def test_a_level_that_gives_no_socket_is_reported_and_leaves_no_record(tmp_path: Path) -> None:
    made = plan(2, replace(FACTS, run_root=str(tmp_path)))
    Path(made.run_directory).mkdir()
    Path(made.paths.plan).write_text(made.to_json())
    with pytest.raises(ChainError, match=r"cannot forward 127.0.0.1:8080 to web:80 in level 2: .*engine.*"):
        start(made, FORWARD)
    assert not record_path(made, FORWARD).exists()


def test_a_request_is_one_line() -> None:
    request = SocketRequest(use=SocketUse.UDP, host="::1", port=53)
    assert SocketRequest.from_line(request.to_line()) == request
    for line in (b"", b"{}\n", b"[]\n", b'{"use": "icmp", "host": "", "port": 1}\n'):
        with pytest.raises(ValueError, match=r"request|SocketUse"):
            SocketRequest.from_line(line)
