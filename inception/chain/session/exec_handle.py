"""An exec as the engine's API knows it: signal it, resize its terminal, ask for its exit status."""

from __future__ import annotations

import signal

import docker

from inception.chain.session.terminal import Size
from inception.engine.translate import translated

# The engine makes each command the leader of its own process group, which is what a terminal would signal.
_KILL = 'kill -s "$1" -- "-$2" || kill -s "$1" "$2"'


class ExecHandle:
    """The exec `exec_id`, whose command runs in `container`."""

    def __init__(self, client: docker.APIClient, container: str, exec_id: str) -> None:
        self._client = client
        self._container = container
        self._exec_id = exec_id

    def send_signal(self, number: signal.Signals, group: int) -> None:
        """Signal the process group `group`. Raises EngineError."""
        with translated("signalling the command"):
            kill = self._client.exec_create(
                self._container,
                ["/bin/sh", "-c", _KILL, "kill", number.name.removeprefix("SIG"), str(group)],
                stdout=False,
                stderr=False,
            )
            self._client.exec_start(kill["Id"], detach=True)

    def resize(self, size: Size) -> None:
        """Set the size of the command's terminal. Raises EngineError."""
        with translated("resizing the terminal"):
            self._client.exec_resize(self._exec_id, height=size.rows, width=size.columns)

    def status(self) -> int | None:
        """Return the exit status, or None while the command runs. Raises EngineError."""
        with translated("the session was lost"):
            state = self._client.exec_inspect(self._exec_id)
        return None if state["Running"] or state["ExitCode"] is None else int(state["ExitCode"])
