"""The reference made from the program has each command, option, field, error and variable."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from docs.tools.commands import CommandPage, command_pages
from docs.tools.files import described
from docs.tools.pages import write_pages
from inception import errors
from inception.cli.main import app
from inception.cli.manual import error_sections
from inception.plan.protocol import Variable

ROOT = Path(__file__).parents[3]
PAGES = {page.name: page for page in command_pages()}


def commands() -> dict[str, Any]:
    program: Any = get_command(app)
    found: dict[str, Any] = {}
    for name in program.commands:
        found[name] = program.commands[name]
        found.update({f"{name} {word}": it for word, it in getattr(found[name], "commands", {}).items()})
    return found


@pytest.mark.parametrize(("name", "command"), commands().items(), ids=commands())
def test_each_command_has_a_page_with_all_its_options(name: str, command: Any) -> None:  # noqa: ANN401 no such type
    page: CommandPage = PAGES[name]
    assert page.text.startswith(f"# inception {name}\n\n{page.summary}.")
    options = {it for param in command.params if param.param_type_name == "option" for it in param.opts}
    assert [it for it in options - {"--verbose"} if f"`{it}`" not in page.text] == []


def test_option_shows_its_default_and_its_variable() -> None:
    text = PAGES["up"].text
    assert "`--headroom` `N`\n: Number of PID namespaces kept free below the bottom. Default: `1`." in text
    assert "Also from the environment variable `VAR_LIB_DOCKER_SIZE`." in text
    assert "`SOURCE`\n: \\[NAME\\]:PATH in a level, or a path of this machine. Required." in PAGES["cp"].text


class Colour(StrEnum):
    """Colour of a thing."""

    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Part of a thing."""

    number: int = 1
    sure: bool = True


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Thing with <angles>."""

    colour: Colour = Colour.RED
    parts: tuple[Part, ...]
    size: float | None = None
    points: tuple[tuple[int, float], ...] = ()


def test_types_of_a_file_are_described_with_all_that_they_contain() -> None:
    assert described(Thing, "t") == (
        "(t-thing)=\n### Thing\n\nThing with \\<angles>.\n\n"
        "| field | type | default |\n| --- | --- | --- |\n"
        "| `colour` | [Colour](#t-colour) | `red` |\n"
        "| `parts` | list of [Part](#t-part) |  |\n"
        "| `size` | number or null | `null` |\n"
        "| `points` | list of list of integer and number | `[]` |\n\n"
        "(t-colour)=\n### Colour\n\nColour of a thing.\n\nOne of `red`.\n\n"
        "(t-part)=\n### Part\n\nPart of a thing.\n\n"
        "| field | type | default |\n| --- | --- | --- |\n"
        "| `number` | integer | `1` |\n| `sure` | boolean | `true` |"
    )


def test_pages_are_written_once(tmp_path: Path) -> None:
    write_pages(tmp_path)
    (tmp_path / "plan.inc").touch()
    times = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    write_pages(tmp_path)
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == times
    assert "(plan-chainplan)=" in (tmp_path / "plan.inc").read_text()
    assert "[ChainFields](" not in (tmp_path / "ls.inc").read_text()


def topics_in_code() -> set[str]:
    """Return the topics of all classes of errors, and those that single refusals name."""
    classes = {it.topic for it in vars(errors).values() if isinstance(it, type) and hasattr(it, "topic")}
    source = "\n".join(path.read_text() for path in (ROOT / "inception").rglob("*.py"))
    return classes | set(re.findall(r'topic="([a-z-]+)"', source))


def test_each_error_has_a_section_and_each_section_an_error() -> None:
    assert set(error_sections()) == topics_in_code()


def test_each_error_section_names_its_status() -> None:
    for topic, text in error_sections().items():
        assert re.search(r"\*\*Status (2|125)\.\*\*", text), topic


def test_each_variable_is_described() -> None:
    text = (ROOT / "docs/reference/environment.md").read_text()
    source = "\n".join(path.read_text() for path in (ROOT / "inception").rglob("*.py"))
    read = set(re.findall(r'environ(?:ment)?(?:\.get\(|\[)"([A-Z_]+)"', source)) | {"INCEPTION_LOG"}
    assert [it for it in (read | {*Variable}) - {"PATH", "PYTHONPATH"} if f"`{it}`" not in text] == []
