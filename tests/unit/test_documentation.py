"""Check that the documents and the manual name only paths, modules, commands, options and tests that exist."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from inception.cli.main import DEFAULT_COMMAND, app

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs/reference/commands"
MANUAL = [it for it in (ROOT / "docs").rglob("*.md") if GENERATED not in it.parents]
PAGES = {
    str(file.relative_to(ROOT)): file.read_text()
    for file in (*(ROOT / name for name in ("CONTRIBUTING.md", "README.md", "SECURITY.md")), *sorted(MANUAL))
}
ROOT_DIRECTORIES = ("inception/", "image/", "tests/", "examples/", "docs/", ".ci/")
"""Paths that begin so are relative to the root of the repository, all others to inception/."""
PACKAGES = tuple(f"{path.name}/" for path in (ROOT / "inception").iterdir() if (path / "__init__.py").is_file())

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PATH = r"(?:^|(?<=[\s(]))(\.?[a-z_]+/[a-z_./-]*|[a-z_]+\.py)(?=$|[\s):,])"
MAKE = r"\bmake ([a-z][a-z-]*)"
SELECTED_TEST = r"pytest (tests/\S+\.py -k \w+)"
PROGRAM = r"(?:^|/|[#|(] ?)inception((?: [\w:+./-]+)+)"
OPTION = re.compile(r"--[a-z][a-z-]*")


def code_of(page: str) -> list[str]:
    """Return the inline code of a page, and the lines of its code blocks without their comments."""
    text = BLOCK.sub("", PAGES[page])
    indented = re.findall(r"^    +(\S.*)$", text, re.MULTILINE)
    fenced = [line for _, block in BLOCK.findall(PAGES[page]) for line in block.splitlines()]
    return [*re.findall(r"`([^`\n]+)`", text), *(re.sub(r"\s\s+#.*", "", line) for line in (*indented, *fenced))]


def named(pattern: str) -> list[tuple[str, ...]]:
    """Return each match of `pattern` in the code of all pages, with its page."""
    return sorted(
        {(page, *it.groups()) for page in PAGES for code in code_of(page) for it in re.finditer(pattern, code)}
    )


def imports() -> list[tuple[str, str, str]]:
    """Return the page, the module and the name of each import from the program in a block of Python."""
    return [
        (page, node.module, alias.name)
        for page, text in PAGES.items()
        for language, block in BLOCK.findall(text)
        if language == "python"
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]


def options_of(command: Any) -> set[str]:  # noqa: ANN401 typer does not export the type
    return {option for it in command.params for option in (*it.opts, *it.secondary_opts)} | {"--help"}


@pytest.mark.parametrize(("page", "path"), named(PATH))
def test_paths_exist(page: str, path: str) -> None:
    if path.startswith(ROOT_DIRECTORIES):
        assert (ROOT / path).exists(), f"{page} names {path}"
    elif path.startswith(PACKAGES) or path.endswith(".py"):
        assert (ROOT / "inception" / path).exists(), f"{page} names {path}"


@pytest.mark.parametrize(
    ("page", "path"),
    [(it, to) for it in PAGES for to in sorted({*re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", PAGES[it])})],
)
def test_links_lead_to_files(page: str, path: str) -> None:
    file = (ROOT / page).parent / path
    # Sphinx writes these two before it reads the pages, and checks links to their sections too.
    made = file.resolve().parent in (GENERATED, ROOT / "docs/_static/drawn")
    assert made or file.exists(), f"{page} links to {path}"


@pytest.mark.parametrize(("page", "module", "name"), imports())
def test_imports_exist(page: str, module: str, name: str) -> None:
    assert hasattr(import_module(module), name), f"{page} imports {name} from {module}"


@pytest.mark.parametrize(("page", "target"), named(MAKE))
def test_make_targets_exist(page: str, target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{page} names make {target}"


@pytest.mark.parametrize(("page", "selected"), named(SELECTED_TEST))
def test_selected_tests_exist(page: str, selected: str) -> None:
    path, _, name = selected.partition(" -k ")
    assert f"def {name}(" in (ROOT / path).read_text(), f"{page} names {name} in {path}"


@pytest.mark.parametrize(("page", "arguments"), named(PROGRAM))
def test_commands_and_options_exist(page: str, arguments: str) -> None:
    words = arguments.partition(" -- ")[0].split()
    program: Any = get_command(app)
    command = program.commands[DEFAULT_COMMAND] if words[0].startswith("-") else program
    for word in words:
        if hasattr(command, "default_command") and word not in command.commands:
            command = command.commands[command.default_command]
        if not hasattr(command, "commands") or word.isupper():  # COMMAND stands for any.
            break
        assert word in command.commands, f"{page} names a command {word} in: inception{arguments}"
        command = command.commands[word]
    passed_on = options_of(program.commands["stress"]) if command.context_settings.get("allow_extra_args") else set()
    unknown = set(OPTION.findall(" ".join(words))) - options_of(command) - options_of(program) - passed_on
    assert not unknown, f"{page} names {unknown} in: inception{arguments}"


@pytest.mark.parametrize(("page", "path", "name"), named(r"(tests/\S+\.py)::(\w+)"))
def test_tests_that_show_a_claim_exist(page: str, path: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / path).read_text(), f"{page} names {name} in {path}"


@pytest.mark.parametrize(
    ("page", "language", "block"),
    [(page, *it) for page in PAGES for it in BLOCK.findall(PAGES[page]) if it[0] in {"sh", "yaml", "json"}],
)
def test_code_blocks_are_well_formed(page: str, language: str, block: str) -> None:
    if language == "sh":
        checked = subprocess.run(("sh", "-n"), input=block, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{page}: {checked.stderr}"
    elif language == "json":
        json.loads(block)
    else:
        assert isinstance(yaml.safe_load(block), dict), page


def test_each_kind_of_name_is_found() -> None:
    assert ("CONTRIBUTING.md", "chain/running.py") in named(PATH)
    assert ("CONTRIBUTING.md", "check") in named(MAKE)
    assert named(SELECTED_TEST)
    assert ("CONTRIBUTING.md", " logs dream --level 2 --follow") in named(PROGRAM)
    assert ("docs/explanation/features.md", " up --depth 6 --name dream") in named(PROGRAM)
    assert imports()
