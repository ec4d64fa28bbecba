"""`inception fleet`: what is refused before anything is made, and what a node sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from inception.cli import main
from inception.cli.commands import fleet
from inception.cli.main import run_arguments
from inception.fleet.transport import from_lines
from tests.factories.fleets import machine_report


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "--max-dept", "3"], "--max-dept"),
        (["run", "--max-depth", "deep"], "--max-depth"),
        (["run", "--trace", "file"], "--trace"),
        (["run", "--on", "mesos"], "--on"),
        (["run", "--label", "disk"], "disk"),
        (["run", "--nodes", "3"], "--nodes"),
        (["run", "--on", "kubernetes", "--nodes", "0"], "0 nodes"),
        (["run", "--on", "kubernetes", "--name", "a_b"], "a_b"),
        (["collect", "--namespace", "ci"], "--namespace"),
        (["run", "--wait", "long"], "long"),
        (["down"], "--all"),
        (["down", "a", "--all"], "--all"),
    ],
)
def test_wrong_words_are_refused_in_one_line_without_an_engine(
    arguments: list[str], word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/engine")
    assert run_arguments(["fleet", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert word in line


@pytest.mark.parametrize("status", [0, 1, 143])
def test_node_sends_its_report_and_ends_as_the_campaign_does(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = machine_report()

    def stress(arguments: list[str]) -> int:
        assert arguments[:3] == ["stress", "--max-depth", "8"]
        assert arguments[3] == "--output"
        (Path(arguments[4]) / "report.json").write_text(made.to_json())
        return status

    whole = main.run_arguments
    monkeypatch.setattr(main, "run_arguments", stress)
    assert whole(["fleet", "node", "--max-depth", "8"]) == status
    assert from_lines(capsys.readouterr().out.splitlines()) == made.to_json()


def test_node_whose_campaign_did_not_begin_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stress(arguments: list[str]) -> int:
        (Path(arguments[-1]) / "report.json").touch()
        return 125

    whole = main.run_arguments
    monkeypatch.setattr(main, "run_arguments", stress)
    assert whole(["fleet", "node"]) == 125
    assert capsys.readouterr().out == ""


def test_parameters_that_are_no_matter_of_a_node_exist() -> None:
    """A renamed option of `stress` must not slip through to the nodes."""
    from typer.main import get_command

    names = {it.name for it in get_command(main.app).commands["stress"].params}  # type: ignore[attr-defined]
    assert names >= fleet._OF_THE_CLIENT
