from __future__ import annotations

import pytest

from inception.cli.main import run_arguments
from inception.cli.manual import error_sections, pages


def shown(capsys: pytest.CaptureFixture[str], *topic: str) -> str:
    assert run_arguments(["help", *topic]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    return output


def test_help_lists_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(capsys)
    assert "pid-namespaces" in output
    assert "PID namespaces, by descending" in output


def test_help_of_a_command_is_that_of_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(capsys, "image", "build")
    assert run_arguments(["image", "build", "--help"]) == 0
    assert capsys.readouterr().out == output
    assert "Usage: inception image build" in output


def test_help_shows_a_page_without_links_and_directives(capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(capsys, "first-steps")
    assert "Start here" in output
    assert "inception up --depth 3" in output
    assert "](" not in output
    assert "{" + "toctree}" not in output


def test_help_shows_the_section_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(capsys, "no-chain")
    assert "INCEPTION_RUN_ROOT" in output
    assert "name-taken" not in output


def test_a_page_is_not_hidden_by_an_error_or_a_command() -> None:
    from inception.cli.command_table import COMMANDS

    assert not set(error_sections()) & {*COMMANDS, *pages()}
    assert not set(pages()) & set(COMMANDS)


@pytest.mark.parametrize(
    ("topic", "remedy"),
    [("no-chian", "is it no-chain"), ("zzz", "see: inception help"), ("image bild", "is it image")],
)
def test_an_unknown_topic_is_refused(topic: str, remedy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["help", *topic.split()]) == 2
    assert remedy in capsys.readouterr().err
