from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command

from inception.cli import options
from inception.cli.commands import plan
from inception.cli.main import app, run_arguments
from inception.cli.variables import variable_of, variables_in_use
from inception.plan.protocol import Variable
from inception.plan.request import Request

OTHERS = {"INCEPTION_RUN_ROOT", "INCEPTION_STATE_DIR", "INCEPTION_LOG", *Variable}


def all_commands(command: Any) -> Iterator[Any]:  # noqa: ANN401 typer does not export the type
    yield command
    for name in getattr(command, "commands", {}):
        yield from all_commands(command.commands[name])


def run_plan(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Request | int:
    """Return the request that `plan` would be called with, or the exit status."""
    given: list[Request] = []

    def take(*, request: Request) -> None:
        given.append(request)

    monkeypatch.setattr(plan, "plan", options.with_chain_options()(take))
    status = run_arguments(["plan", *arguments])
    return given[0] if given else status


def test_manual_lists_the_variable_of_every_option() -> None:
    section = (Path(__file__).parents[3] / "docs/reference/variables.md").read_text()
    named = set(re.findall(r"INCEPTION_[A-Z_]+", section))
    made = {variable_of(it) for command in all_commands(get_command(app)) for it in command.params} - {None}
    assert named == made | OTHERS


def test_no_option_has_the_name_of_another_variable_outside_levels() -> None:
    made = {variable_of(it) for command in all_commands(get_command(app)) for it in command.params}
    assert not made & (OTHERS - set(Variable))
    assert not made & {Variable.PLAN, Variable.CHAIN, Variable.CLIENT}, "the mark of a level must be no option"


def test_variables_set_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_DEPTH", "3")
    monkeypatch.setenv("INCEPTION_DNS", "192.0.2.1 192.0.2.2")
    monkeypatch.setenv("INCEPTION_FORCE", "1")
    monkeypatch.setenv("INCEPTION_STORAGE_SIZE", "6GB")
    monkeypatch.setenv("VAR_LIB_DOCKER_SIZE", "7GB")
    request = run_plan([], monkeypatch)
    assert isinstance(request, Request)
    assert (request.depth, request.dns, request.force) == (3, ("192.0.2.1", "192.0.2.2"), True)
    assert request.storage_size == 6 * 10**9


def test_the_command_line_prevails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_DEPTH", "3")
    request = run_plan(["--depth", "5"], monkeypatch)
    assert isinstance(request, Request)
    assert request.depth == 5


def test_in_a_level_its_own_variables_set_no_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(Variable.PLAN, "/run/inception/dream/plan.json")
    monkeypatch.setenv(Variable.DEPTH, "3")
    monkeypatch.setenv(Variable.IMAGE, "other")
    monkeypatch.setenv("INCEPTION_MTU", "1400")
    assert run_plan([], monkeypatch) == 2
    assert "missing option '--depth'" in capsys.readouterr().err
    request = run_plan(["--depth", "2"], monkeypatch)
    assert isinstance(request, Request)
    assert request.image != "other"
    assert request.mtu == 1400


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("INCEPTION_DEPTH", "four", "invalid value for INCEPTION_DEPTH: 'four' is not a whole number: see"),
        ("INCEPTION_FORCE", "perhaps", "invalid value for INCEPTION_FORCE: 'perhaps' is not yes or no: see"),
        ("INCEPTION_PID", "x", "invalid value for INCEPTION_PID: 'x' is not one of 'auto', 'isolated', 'shared'"),
    ],
)
def test_a_wrong_value_is_reported_with_its_variable(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INCEPTION_DEPTH", "2")
    monkeypatch.setenv(name, value)
    assert run_arguments(["plan"]) == 2
    assert said in capsys.readouterr().err


def test_a_wrong_value_of_the_command_line_is_reported_with_the_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INCEPTION_DEPTH", "4")
    assert run_arguments(["plan", "--depth", "x"]) == 2
    assert "invalid value for '--depth' / '-d': 'x'" in capsys.readouterr().err


def test_variables_in_use_are_those_that_gave_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_DEPTH", "4")
    monkeypatch.setenv("INCEPTION_MTU", "1400")
    command = get_command(app).commands["up"]  # type: ignore[attr-defined]
    sources = {"depth": SimpleNamespace(name="COMMANDLINE"), "mtu": SimpleNamespace(name="ENVIRONMENT")}
    context = SimpleNamespace(command=command, get_parameter_source=sources.get)
    assert variables_in_use(context) == ["INCEPTION_MTU=1400"]
