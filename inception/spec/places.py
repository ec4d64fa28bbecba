"""Find the line of a key in a TOML file."""

from __future__ import annotations

import re
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]
"""Way to a value from the top of a file: names of keys, and positions in lists."""

_HEADER = re.compile(r"\s*(?P<open>\[\[?)\s*(?P<name>[\w.-]+)\s*\]\]?")
_KEY = re.compile(r"\s*(?P<name>[\w-]+)\s*=")
_STEP = re.compile(r"\.(?P<name>[\w-]+)|\[(?P<position>\d+|\.\.\.)\]")


def path_in(message: str) -> KeyPath:
    """Return the path that a message of msgspec ends with, as in "... - at `$.levels[1].image`"; empty without one."""
    end = re.search(r"`\$(?P<steps>[^`]*)`$", message)
    steps = _STEP.finditer(end["steps"]) if end else ()
    return tuple(step["name"] or (int(step["position"]) if step["position"].isdecimal() else 0) for step in steps)


def line_of(text: str, path: KeyPath) -> int | None:
    """Return the number of the line that the longest known beginning of `path` is on, None for the whole file."""
    found, number = 0, None
    for at, line in _places(text):
        if at == path[: len(at)] and len(at) > found:
            found, number = len(at), line
    return number


def _places(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Yield the path of each table and each key that begins a line, and its line."""
    table: KeyPath = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line.partition("#")[0].rstrip()):
            name = header["name"]
            if header["open"] == "[[":
                counts[name] = counts.get(name, -1) + 1
                table = (name, counts[name])
            else:
                table = (name,)
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, key["name"]), number


def show_path(path: KeyPath) -> str:
    """Return `path` as people read it: `levels[1].image`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
