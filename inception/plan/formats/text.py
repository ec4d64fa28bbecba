"""Show text that others wrote: a level's messages, names and logs may hold what a terminal would obey."""

from __future__ import annotations

import re

_HARMLESS = "\t\xa0\u3000"
"""Characters that Python does not count as printable, although a terminal only moves on for them."""
_RISKY = re.compile(r"[^ -~]")


def printable(text: str) -> str:
    r"""Return `text` with each character that is not to be shown, but could be obeyed, written as Python does: `\x1b`.

    Escape sequences, newlines, characters that change the direction of text, and halves of surrogate pairs are.
    """
    return _RISKY.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() or character in _HARMLESS else ascii(character)[1:-1]
