from __future__ import annotations

import re

import pytest

from inception.cli.commands.cp import INSIDE
from inception.cli.commands.env import Syntax, lines, usual_syntax
from inception.cli.commands.grow import name_and_amount, refuse_attached
from inception.errors import ChainError, UsageError
from tests.factories.plans import plan


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], (None, 1)),
        (["dream"], ("dream", 1)),
        (["+2"], (None, 2)),
        (["3"], (None, 3)),
        (["dream", "+2"], ("dream", 2)),
        (["dream", "-2"], ("dream", 2)),
        (["2", "2"], ("2", 2)),
    ],
)
def test_a_name_and_an_amount_are_told_apart(words: list[str], meant: tuple[str | None, int]) -> None:
    assert name_and_amount(words) == meant


@pytest.mark.parametrize("words", [["dream", "deep"], ["a", "1", "2"], ["+1", "x"]])
def test_words_that_are_neither_name_nor_amount_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        name_and_amount(words)


def test_an_attached_chain_is_not_shrunk() -> None:
    with pytest.raises(ChainError, match="chain dream is attached to the program that started it"):
        refuse_attached(plan())
    refuse_attached(plan(attached=False))


def test_settings_are_set_and_taken_back_in_each_syntax() -> None:
    settings = {"DOCKER_HOST": "unix:///a b", "DOCKER_CERT_PATH": None}
    assert lines(settings, Syntax.SH) == ["export DOCKER_HOST='unix:///a b';", "unset DOCKER_CERT_PATH;"]
    assert lines(settings, Syntax.FISH) == ["set -gx DOCKER_HOST 'unix:///a b';", "set -e DOCKER_CERT_PATH;"]


@pytest.mark.parametrize(
    ("shell", "syntax"), [("/usr/bin/fish", Syntax.FISH), ("/bin/bash", Syntax.SH), ("", Syntax.SH)]
)
def test_the_syntax_is_that_of_the_user_s_shell(shell: str, syntax: Syntax) -> None:
    assert usual_syntax(shell) is syntax


@pytest.mark.parametrize(
    ("word", "parts"),
    [(":/srv", ("", "/srv")), ("dream:notes", ("dream", "notes")), ("a:b:c", ("a", "b:c")), ("a/b:c", ("a/b", "c"))],
)
def test_a_path_in_a_level_has_a_colon(word: str, parts: tuple[str, str]) -> None:
    place = INSIDE.fullmatch(word)
    assert isinstance(place, re.Match)
    assert (place["name"], place["path"]) == parts


@pytest.mark.parametrize("word", ["notes", "./a:b", "/a:b", "../a:b"])
def test_a_path_of_this_machine_has_no_colon_or_begins_with_a_slash_or_a_dot(word: str) -> None:
    assert INSIDE.fullmatch(word) is None
