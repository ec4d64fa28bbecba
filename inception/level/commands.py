"""Install `descend` and `kick` in a level; `programs/control_request.py` is what they run."""

from __future__ import annotations

import shlex
from pathlib import Path

from inception.plan.paths import RunDirectory
from inception.plan.protocol import Action, Program

_DIRECTORY = Path("/usr/local/bin")  # On the PATH of login shells too, which make one of their own.
_PROGRAM = '#!/bin/sh\nPYTHONPATH={payload} exec python3 -m {module} {name} "$@"\n'


def install_commands(paths: RunDirectory, directory: Path = _DIRECTORY) -> None:
    """Write a script for each command into `directory`, which is on the PATH of shells. Raises OSError."""
    for name in Action:
        program = directory / name
        program.write_text(
            _PROGRAM.format(payload=shlex.quote(str(paths.payload)), module=Program.CONTROL_REQUEST, name=name)
        )
        program.chmod(0o755)
