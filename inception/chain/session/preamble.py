"""The first line of a command's output: its process id, which we need to signal it and the user does not see.

The API can neither signal a command nor tell its process id in its own namespace, so a shell prints it and then becomes
the command. Where the engine cannot run even that shell, its reason comes in place of the line.
"""

from __future__ import annotations

import re

from inception.chain.session.terminal import Size
from inception.plan.light_dataclasses import dataclass

_SCRIPT = """echo $$
[ $# -gt 0 ] && exec "$@"
command -v bash >/dev/null && exec bash -l
exec sh"""
_PROCESS_ID = re.compile(rb"\s*\d{1,10}\s*")
_LINE_LIMIT = 64 * 1024
"""Bytes in which an engine has said why it cannot run a command: more without a newline are taken for output."""
# Set from inside, the window's size is there before the command looks; set by the API it could only come after.
_SCRIPT_WITH_SIZE = "stty rows {rows} cols {columns} 2>/dev/null\n" + _SCRIPT


def preamble_script(size: Size | None) -> str:
    """Return a shell script that prints the first line and becomes its arguments, or a login shell without any."""
    return _SCRIPT_WITH_SIZE.format(rows=size.rows, columns=size.columns) if size else _SCRIPT


@dataclass(frozen=True, kw_only=True)
class Start:
    """The start of a command: its process group, and the output behind the first line.

    `group` is None if the engine could not run it; then `output` is the engine's reason.
    """

    group: int | None
    output: bytes


class Preamble:
    """Reads the first line from a command's standard output. `complete` tells whether it has been read."""

    def __init__(self) -> None:
        self.complete = False
        self._received = b""

    def feed(self, output: bytes) -> Start | None:
        """Take in standard output, up to the first line; return the start once that line is whole."""
        self._received += output
        line, newline, rest = self._received.partition(b"\n")
        if not newline and len(line) <= _LINE_LIMIT:
            return None
        self.complete = True
        if newline and _PROCESS_ID.fullmatch(line):
            return Start(group=int(line), output=rest)
        return Start(group=None, output=self._received)

    def end(self) -> Start | None:
        """Take in the output's end; return the start if it ended within its first line, which is a reason then."""
        if self.complete or not self._received:
            return None
        self.complete = True
        return Start(group=None, output=self._received)
