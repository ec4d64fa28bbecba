"""Check the words of the docstrings in inception/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "inception"
MODULES = sorted(PACKAGE.rglob("*.py"))
CLAUSE_WORDS = ("How", "That", "What", "Whatever", "Where", "Who", "Whoever")
"""Words that begin a clause in place of a verb and its object, or of a noun."""
MOST_WORDS = 30
"""Words in the first line of a docstring; CONTRIBUTING.md asks for 20."""

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def documented(node: Documented, name: str, *, public: bool) -> Iterator[tuple[str, Documented, bool]]:
    """Yield `node` and the classes and functions in it, each with its name and whether it must have a docstring.

    A function inside a function is private to it.
    """
    yield name, node, public
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        public = False
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_public = public and not child.name.startswith("_")
            yield from documented(child, f"{name}.{child.name}", public=is_public)


def complaints(module: ast.Module) -> Iterator[str]:
    """Yield one line for each docstring of `module` that breaks a rule."""
    for name, node, public in documented(module, "", public=True):
        text = ast.get_docstring(node)
        line = getattr(node, "lineno", 1)
        if text is None:
            if public:
                yield f"{line}: {name or 'the module'} has no docstring"
            continue
        first = text.splitlines()[0].strip()
        words = first.split()
        if words[0].strip(",:;.") in CLAUSE_WORDS:
            yield f"{line}: {name or 'the module'} begins with {words[0]!r}: {first}"
        if len(words) > MOST_WORDS:
            yield f"{line}: {name or 'the module'} has {len(words)} words in its first line: {first}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_docstrings_are_there_and_plain(path: Path) -> None:
    found = list(complaints(ast.parse(path.read_text())))
    assert not found, "\n".join(f"{path.relative_to(PACKAGE.parent)}:{line}" for line in found)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('"""Do."""\ndef f(): pass', "2: .f has no docstring"),
        ("def _f(): pass", "1: the module has no docstring"),
        ('"""What it does."""', "1: the module begins with 'What': What it does."),
        (
            '"""Do."""\nclass _C:\n    def f(self):\n        """Whoever asks."""',
            "3: ._C.f begins with 'Whoever': Whoever asks.",
        ),
        (f'"""{"word " * 31}"""', f"1: the module has 31 words in its first line: {' '.join(['word'] * 31)}"),
    ],
)
def test_broken_rules_are_found(source: str, complaint: str) -> None:
    assert complaint in list(complaints(ast.parse(source)))


def test_private_and_nested_functions_need_no_docstring() -> None:
    source = '"""Do."""\ndef f():\n    """Do."""\n    def g(): pass\ndef _h(): pass\nclass _C:\n    def f(self): pass'
    assert list(complaints(ast.parse(source))) == []
