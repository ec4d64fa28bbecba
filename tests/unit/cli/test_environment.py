"""Variables of --env and --env-file, and where a session's options cannot be obeyed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inception.chain.session.exec_options import ExecOptions
from inception.cli.descent import refuse_on_host
from inception.cli.environment import read_environment
from inception.cli.exec_options import make_exec_options
from inception.cli.main import run_arguments
from inception.errors import UsageError

HERE = {"HOME": "/root", "CI": "yes"}
FILE = """\ufeff# build
A=from the file

  B= two = parts \r
CI
UNSET
C=
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "variables").write_text(FILE, encoding="utf-8")
    return str(tmp_path / "variables")


def test_variables_are_set_or_taken_from_here() -> None:
    assert read_environment(["A=1", "CI", "UNSET", "E=", "U=a=b"], (), HERE) == {
        "A": "1",
        "CI": "yes",
        "E": "",
        "U": "a=b",
    }


def test_file_is_read_as_docker_reads_it_and_settings_prevail(file: str) -> None:
    assert read_environment(["A=1"], [file], HERE) == {"A": "1", "B": " two = parts ", "CI": "yes", "C": ""}
    assert read_environment((), [file], HERE)["A"] == "from the file"


@pytest.mark.parametrize("setting", ["=1", "", "A=\0"])
def test_setting_without_a_name_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="names no variable"):
        read_environment([setting], (), HERE)


@pytest.mark.parametrize(("line", "said"), [("=1", ":2: '=1' names no variable"), ("A B=1", ":2: 'A B' has a space")])
def test_line_that_sets_nothing_is_named(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text(f"A=1\n{line}\n")
    with pytest.raises(UsageError) as raised:
        read_environment((), [str(tmp_path / "bad")], HERE)
    assert said in raised.value.message


def test_options_are_those_of_docker_exec(file: str) -> None:
    assert make_exec_options(env=["A=1"], env_file=[file], user="1000", workdir="/tmp").user == "1000"
    assert make_exec_options() == ExecOptions()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exec", "-e", "=1", "--", "env"], "--env: '=1' names no variable"),
        (["exec", "--env-file", "/nowhere", "--", "env"], "--env-file /nowhere: No such file or directory"),
        (["shell", "-i", "-e", "="], "--env: '=' names no variable"),
        (["--depth", "2", "-e", "=1", "--", "env"], "--env: '=1' names no variable"),
        (["--depth", "0", "-u", "1000", "--", "env"], "--user needs a level, and depth 0 is the host itself"),
    ],
)
def test_impossible_option_is_one_line_and_starts_nothing(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_arguments(arguments) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert said in errors


@pytest.mark.parametrize("option", [{"user": "1000"}, {"workdir": "/tmp"}, {"terminal": True}])
def test_host_refuses_options_that_only_an_engine_obeys(option: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="needs a level"):
        refuse_on_host(ExecOptions(**option))  # type: ignore[arg-type]
    refuse_on_host(ExecOptions(environment={"A": "1"}))


def test_terminal_is_refused_where_standard_input_is_none() -> None:
    refused = subprocess.run(
        [Path(sys.executable).with_name("inception"), "--depth", "2", "-it", "--", "env"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith(b"inception: error: --tty needs a terminal as standard input: leave it out")
