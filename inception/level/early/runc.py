"""A runc whose containers start faster: each one runs six of it, and dockerd once more, for its network.

Each runc ends within milliseconds, and collecting garbage takes a third of its start: it collects none. In place of
dockerd, as `libnetwork-setkey`, runs a small program that sends the same line.
"""

from __future__ import annotations

import os

_DIRECTORY = "/usr/local/lib/inception/bin"
_HOOK = "set_network_key.py"
_PROGRAM = r"""#!/bin/sh
# Runs {runc}; a container's hook is changed in its bundle before.
previous=
for word; do
    if [ "$previous" = --bundle ]; then
        usual='"path":"\(/proc/[0-9]*/exe\)","args":\["libnetwork-setkey"'
        ours='"path":"/usr/bin/python3","args":["python3","-ISB","{hook}","\1","libnetwork-setkey"'
        sed -i "s|$usual|$ours|" "$word/config.json"
    fi
    previous=$word
done
GOGC=off exec {runc} "$@"
"""


def install_runc(directory: str = _DIRECTORY) -> None:
    """Write a `runc` into `directory` that runs the one on the PATH; nothing if there is none. Raises OSError."""
    candidates = (os.path.join(place, "runc") for place in os.get_exec_path())
    if (runc := next((it for it in candidates if os.access(it, os.X_OK)), None)) is None:
        return
    os.makedirs(directory, exist_ok=True)
    # Its own path varies with the chain's name.
    ours = os.path.join(os.path.dirname(os.path.dirname(__file__)), "programs", _HOOK)
    hook = os.path.join(directory, _HOOK)
    with open(ours) as source, open(hook, "w") as file:
        file.write(source.read())
    program = os.path.join(directory, "runc")
    with open(program, "w") as file:
        file.write(_PROGRAM.format(runc=runc, hook=hook))
    os.chmod(program, 0o700)


def path_with_runc() -> dict[str, str]:
    """Return the PATH of a level's daemons, which find that `runc` first. No setting of theirs does the same."""
    return {"PATH": os.pathsep.join((_DIRECTORY, *os.get_exec_path()))}
