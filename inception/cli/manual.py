"""Pages of the manual: the Markdown files of `docs/`, which an installed package carries too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from inception.errors import InceptionError
from inception.plan.light_dataclasses import dataclass

ERRORS = "errors"
"""Topic of the page that has a section for each error."""
_DIRECTORIES = ("", "tutorials", "how-to", "reference", "explanation")
"""Directories of pages that are topics, in their order; index pages only lead to others."""
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_SECTION = re.compile(r"^### ([a-z-]+)\n", re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^\]]+)\]\([^)]+\)")
_DIRECTIVE = re.compile(r"^```\{.*?^```\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: `topic` is its short name, `title` its heading, `text` its Markdown."""

    topic: str
    title: str
    text: str


@cache
def pages() -> Mapping[str, Page]:
    """Return the pages by their topics. Raises InceptionError if the manual is not installed."""
    return {page.topic: page for page in _read(_manual())}


def error_sections() -> Mapping[str, str]:
    """Return the section of each error, as Markdown, by its topic."""
    _, *parts = _SECTION.split(pages()[ERRORS].text)
    return {name: f"## {name}\n{text}" for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _manual() -> Path:
    package = Path(__file__).resolve().parents[1]
    for directory in (package / "manual", package.parent / "docs"):
        if (directory / "first-steps.md").is_file():
            return directory
    raise InceptionError("the manual is not installed", remedy="install inception-dind again")


def _read(manual: Path) -> Iterator[Page]:
    for directory in _DIRECTORIES:
        for file in sorted((manual / directory).glob("*.md")):
            text = file.read_text(encoding="utf-8")
            if file.stem != "index" and (title := _TITLE.search(text)):
                yield Page(topic=file.stem, title=title[1], text=_for_terminal(text))


def _for_terminal(text: str) -> str:
    """Return Markdown without what only the site shows: links keep their words, pictures and directives go."""
    return _LINK.sub(lambda found: "" if found[1] else found[2], _DIRECTIVE.sub("", text))
