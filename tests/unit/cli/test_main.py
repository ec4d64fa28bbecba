from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from inception import __version__
from inception.cli import main
from inception.cli.command_table import COMMANDS, LazyCommands
from inception.cli.main import run_arguments, with_default_command
from inception.errors import EngineUnreachable, InceptionError, Interrupted, LevelError

SDK = {"docker", "requests", "urllib3"}
HEAVY = {
    *SDK,
    "inception.api",
    "inception.plan.chain",
    "jinja2",
    "logging",
    "msgspec",
    "rich",
    "tenacity",
}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--depth", "4"], ["run", "--depth", "4"]),
        (["-d4", "--", "sh", "-c", "exit 3"], ["run", "-d4", "--", "sh", "-c", "exit 3"]),
        (["--depth=4"], ["run", "--depth=4"]),
        (["run", "--depth", "4"], ["run", "--depth", "4"]),
        (["plan", "--depth", "4"], ["plan", "--depth", "4"]),
        (["--help"], ["--help"]),
        (["--version"], ["--version"]),
        (["--show-completion=bash"], ["--show-completion=bash"]),
        (["--verbose", "plan", "--depth", "4"], ["--verbose", "plan", "--depth", "4"]),
        (["--verbose", "--depth", "4"], ["--verbose", "run", "--depth", "4"]),
        (["-v", "/src:/src", "-d4"], ["run", "-v", "/src:/src", "-d4"]),
        (["-qd4"], ["run", "-qd4"]),
        (["--verbose", "--version"], ["--verbose", "--version"]),
        (["--verbose"], ["--help"]),
        ([], ["--help"]),
    ],
)
def test_options_without_a_command_are_those_of_run(given: list[str], meant: list[str]) -> None:
    assert with_default_command(given) == meant


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--depth", "four"],
            "invalid value for '--depth' / '-d': 'four' is not a whole number: see inception run --help",
        ),
        (["--depth", "2", "--patience", "x"], "'x' is not a number: see inception run --help"),
        (["--depth", "2", "--pid", "x"], "invalid value for '--pid': 'x' is not one of "),
        (["--depth"], "option '--depth' requires an argument: see inception"),
        (["--nonesuch"], "no such option: --nonesuch: see inception run --help"),
        (["run"], "missing option '--depth' / '-d': see inception run --help"),
        (["nonesuch"], "no such command 'nonesuch': see inception --help"),
        (["image"], "missing command: see inception image --help"),
        (
            ["image", "build", "--method", "x"],
            "'x' is not one of 'auto', 'dockerfile', 'mmdebstrap', 'own-root': see inception image build",
        ),
        (["image", "rm"], "image rm needs either images or --all: see inception image ls"),
        (["--depth", "-1"], "depth -1 is not between 0 and"),
        (["--depth", "100000"], "depth 100000 is not between 0 and"),
    ],
)
def test_a_wrong_request_is_one_line_that_names_it(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_arguments(arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("inception: error: ")
    assert said in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            EngineUnreachable("no engine\nanswers", remedy="start it"),
            125,
            "inception: error: no engine answers: start it (inception help engine-unreachable)\n",
        ),
        (Interrupted(15), 143, "inception: error: interrupted by signal 15\n"),
        (
            LevelError(level=3, phase="dockerd", reason="timed out", remedy="wait", log_tail=("one", "two")),
            125,
            "inception: error: level 3 failed at dockerd: timed out: wait (inception help level)\n    one\n    two\n",
        ),
    ],
)
def test_what_failed_is_reported_once_with_its_status(
    error: InceptionError | Interrupted,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert status_of(error, monkeypatch) == status
    assert capsys.readouterr() == ("", said)


def test_a_command_sets_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    assert status_of(typer.Exit(7), monkeypatch) == 7
    assert status_of(None, monkeypatch) == 0


def test_an_interrupted_command_ends_as_a_shell_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    assert status_of(KeyboardInterrupt(), monkeypatch) == 130


def test_an_unexpected_exception_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        status_of(ZeroDivisionError(), monkeypatch)


def status_of(outcome: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of a command that ends with `outcome`."""
    app = typer.Typer()

    @app.command()
    def command() -> None:
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(main, "app", app)
    return run_arguments([])


def test_help_and_version_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["--version"]) == 0
    assert capsys.readouterr() == (f"inception {__version__}\n", "")
    assert run_arguments([]) == 0
    assert capsys.readouterr().out.startswith("Usage: inception ")


def test_every_command_takes_verbose() -> None:
    commands = [typer.main.get_command(main.app)]
    for command in commands:
        assert ["--verbose"] in [it.opts for it in command.params], command.name
        commands += getattr(command, "commands", {}).values()
    assert len(commands) > 20


def test_help_has_no_colour_where_there_is_no_terminal() -> None:
    shown = subprocess.run([*inception(), "run", "--help"], capture_output=True, check=True)
    assert b"\x1b" not in shown.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_a_closed_standard_output_is_no_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run([*inception(), *arguments], stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert ended.stderr == b""


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_of_a_command_is_the_first_sentence_of_its_help(name: str) -> None:
    command: Any = LazyCommands(lambda _: None)[name]
    first = " ".join(command.help.partition("\n\n")[0].split())
    assert first.startswith(COMMANDS[name].summary)


def test_help_makes_no_command() -> None:
    code = "import sys, inception.cli.main as it; it.run_arguments(['--help']); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert not [it for it in shown.splitlines()[-1].split() if it.startswith("inception.cli.commands.")]


def test_help_loads_nothing_heavy() -> None:
    code = f"import sys, inception.cli.main as it; it.run_arguments(['--help']); print(sys.modules.keys() & {HEAVY})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert shown.splitlines()[-1] == "set()"


@pytest.mark.parametrize("command", ["ls", "events", "logs", "top", "env", "forward"])
def test_commands_that_ask_no_engine_do_not_load_the_docker_sdk(command: str, tmp_path: Path) -> None:
    code = f"import sys, inception.cli.main as it; it.run_arguments(['{command}']); print(sys.modules.keys() & {SDK})"
    environment = {**os.environ, "INCEPTION_RUN_ROOT": str(tmp_path), "INCEPTION_STATE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(("command", "times"), [("--help", 1.5), ("ls", 1.9)])
def test_short_commands_take_little_longer_than_loading_typer(command: str, times: float) -> None:
    # Both in turn, in time of the processor: other work on the machine slows down both alike, if at all.
    taken_s = [(cpu_s(*inception(), command), cpu_s(sys.executable, "-c", "import typer")) for _ in range(5)]
    ours_s, typer_s = (sum(column) for column in zip(*taken_s, strict=True))
    assert ours_s <= times * typer_s


def cpu_s(*command: str) -> float:
    """Seconds of processor time that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def inception() -> list[str]:
    return [str(Path(sys.executable).with_name("inception"))]
