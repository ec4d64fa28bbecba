"""A session: one command, in a container or right here, with our standard streams or our terminal as its own.

A chain's bottom is reached in one hop, whatever its depth: the client is that of the engine right above it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing

import docker

from inception.chain.interrupts import ENDING_SIGNALS
from inception.chain.session.connection import open_exec_connection
from inception.chain.session.session import ExecHandle, RequestSource, Session
from inception.chain.session.signals import catch_signals
from inception.chain.session.streams import Streams
from inception.chain.session.terminal import RawTerminal, Size
from inception.engine.translate import translated

# The API can neither signal a command nor tell its process id in its own namespace, so the command tells it first, as a
# line of output that goes no further. A window's size set from inside is there before the command looks; set by the
# API it could only come after.
_PREAMBLE = """echo $$
[ $# -gt 0 ] && exec "$@"
command -v bash >/dev/null && exec bash -l
exec sh"""
_SIZED_PREAMBLE = "stty rows {rows} cols {columns} 2>/dev/null\n" + _PREAMBLE
_LOCAL_PREAMBLE = 'exec "$@"'

# With a terminal, the engine holds back the first key of its detach sequence until the next one comes: by default
# Ctrl-P, the shells' "previous line". There is no way to have none, so make it a key that shells leave alone.
_DETACH_KEYS = ",".join(["ctrl-^"] * 8)

_SI_KERNEL = 0x80
"""`si_code` of a signal from the kernel itself, so from the terminal (sigaction(2))."""


def run_session(
    client: docker.APIClient,
    container: str,
    *,
    command: Sequence[str] | None,
    environment: Mapping[str, str] | None = None,
    workdir: str | None = None,
    terminal: bool | None = None,
    streams: Streams | None = None,
    requests: RequestSource | None = None,
) -> int:
    """Run `command`, or else a login shell, in `container` until it ends; returns its exit status.

    127 stands for a command that is not there, 126 for one that cannot be run, 128 + n for one that signal n ended;
    128 + SIGPIPE also for one that goes on when nobody reads its output. With `terminal` (by default: if we have one,
    and nothing of the command's output goes elsewhere) the command gets a terminal of its own, and ours, which standard
    input must be, is raw meanwhile. Without, it has our streams, and they stay apart.

    `requests` are answered meanwhile. A signal to us goes to the command's process group. Raises Interrupted
    when the command has not ended GRACE_S later, or at once on a second signal, or on the first one where there is a
    terminal, which counts as hung up then. Raises EngineError where the engine refuses, or is gone. To be called from
    the main thread.
    """
    streams = streams or Streams()
    with ExitStack() as stack:
        wanted = _has_terminal(streams, command) if terminal is None else terminal
        raw_terminal = RawTerminal(streams.stdin) if wanted else None
        size = raw_terminal.size if raw_terminal else None
        with translated(f"a session in {container}"):
            exec_id = client.exec_create(
                container,
                ["/bin/sh", "-c", _preamble(size), "inception", *(command or ())],
                stdin=True,
                tty=wanted,
                environment={**_environment(raw_terminal), **(environment or {})},
                workdir=workdir,
                detach_keys=_DETACH_KEYS if wanted else None,
            )["Id"]
            connection = stack.enter_context(closing(open_exec_connection(client, exec_id, terminal=wanted)))
        signals = stack.enter_context(catch_signals(_signals_to_catch(raw_terminal)))
        if raw_terminal:
            stack.enter_context(raw_terminal)
        handle = ExecHandle(client, container, exec_id)
        return Session(
            handle, connection, streams=streams, signals=signals, terminal=raw_terminal, size=size, requests=requests
        ).run()


def run_local(command: Sequence[str] | None) -> int:
    """Run `command`, or else the user's shell, right here until it ends; returns its exit status like `run_session`.

    It has our streams and our process group, so what the terminal signals reaches it anyway; what else is sent to us is
    passed on. To be called from the main thread, while there is no other.
    """
    arguments = command or [os.environ.get("SHELL") or "sh"]
    watched = {*ENDING_SIGNALS, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        child = os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _LOCAL_PREAMBLE, "inception", *arguments],
            os.environ,
            setsigmask=mask,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # The interpreter ignores them; the command should not.
        )
        while True:
            come = signal.sigwaitinfo(watched)
            if come.si_signo != signal.SIGCHLD:
                if come.si_code != _SI_KERNEL:
                    os.kill(child, come.si_signo)
            elif (ended := os.waitpid(child, os.WNOHANG)) != (0, 0):
                status = os.waitstatus_to_exitcode(ended[1])
                return status if status >= 0 else 128 - status
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _has_terminal(streams: Streams, command: Sequence[str] | None) -> bool:
    """Whether all that the command reads and writes is a terminal. A shell for a user may have its errors elsewhere."""
    descriptors = (
        (streams.stdin, streams.stdout) if command is None else (streams.stdin, streams.stdout, streams.stderr)
    )
    return all(os.isatty(descriptor) for descriptor in descriptors)


def _environment(terminal: RawTerminal | None) -> dict[str, str]:
    return {"TERM": os.environ.get("TERM", "dumb")} if terminal else {}


def _preamble(size: Size | None) -> str:
    return _SIZED_PREAMBLE.format(rows=size.rows, columns=size.columns) if size else _PREAMBLE


def _signals_to_catch(terminal: RawTerminal | None) -> tuple[signal.Signals, ...]:
    return (*ENDING_SIGNALS, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT) if terminal else ENDING_SIGNALS
