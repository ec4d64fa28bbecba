"""Run a command through an exec session in a container, or as a process of the host; return its exit status.

A chain's bottom is reached in one hop, whatever its depth: through the engine right above it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager

import docker
from docker.errors import APIError

from inception.chain.interrupts import ENDING_SIGNALS
from inception.chain.session.connection import open_exec_connection
from inception.chain.session.exec_handle import ExecHandle
from inception.chain.session.exec_options import ExecOptions
from inception.chain.session.exec_session import RequestSource, Session
from inception.chain.session.preamble import preamble_script
from inception.chain.session.signals import catch_signals
from inception.chain.session.streams import Streams
from inception.chain.session.terminal import RawTerminal
from inception.engine.translate import reason, translated
from inception.errors import CommandRefused

_EXEC = 'exec "$@"'
_DEFAULTS = ExecOptions()

# With a terminal, the engine holds back the first key of its detach sequence until the next one comes: by default
# Ctrl-P, the shells' "previous line". The sequence cannot be turned off, so make it a key that shells leave alone.
_DETACH_KEYS = ",".join(["ctrl-^"] * 8)

_UNKNOWN_USER = ("unable to find user", "unable to find group")

_SI_KERNEL = 0x80
"""`si_code` of a signal from the kernel itself, so from the terminal (sigaction(2))."""


def run_session(
    client: docker.APIClient,
    container: str,
    *,
    command: Sequence[str] | None,
    options: ExecOptions = _DEFAULTS,
    streams: Streams | None = None,
    requests: RequestSource | None = None,
) -> int:
    """Run `command`, or a login shell if None, in `container` until it ends; return its exit status.

    127 means that the command was not found, 126 that it cannot be run, 128 + n that signal n ended it; 128 + SIGPIPE
    also that it was left behind because nobody reads its output. With `options.terminal` (by default: if we have one
    and none of the command's output goes elsewhere) the command gets a terminal of its own, and ours, which must be
    standard input, is raw meanwhile. Without, it gets our streams, and its output and errors stay apart.

    `requests` are answered meanwhile. A signal to us is forwarded to the command's process group. Raises Interrupted
    if the command has not ended GRACE_S later, or at a second signal, or with a terminal at the first one. Raises
    EngineError if the engine refuses or is gone. Call it from the main thread.
    """
    streams = streams or Streams()
    with ExitStack() as stack:
        use_terminal = _has_terminal(streams, command) if options.terminal is None else options.terminal
        raw_terminal = RawTerminal(streams.stdin) if use_terminal else None
        size = raw_terminal.size if raw_terminal else None
        with translated(f"a session in {container}"):
            with _refusals_of_users():
                exec_id = client.exec_create(
                    container,
                    ["/bin/sh", "-c", preamble_script(size), "inception", *(command or ())],
                    stdin=True,
                    tty=use_terminal,
                    environment={**_environment(raw_terminal), **options.environment},
                    user=options.user or "",
                    workdir=options.workdir,
                    detach_keys=_DETACH_KEYS if use_terminal else None,
                )["Id"]
            connection = stack.enter_context(closing(open_exec_connection(client, exec_id, terminal=use_terminal)))
        signals = stack.enter_context(catch_signals(_signals_to_catch(raw_terminal)))
        if raw_terminal:
            stack.enter_context(raw_terminal)
        handle = ExecHandle(client, container, exec_id)
        return Session(
            handle, connection, streams=streams, signals=signals, terminal=raw_terminal, size=size, requests=requests
        ).run()


@contextmanager
def _refusals_of_users() -> Iterator[None]:
    """Raise CommandRefused for a user that the container does not know.

    Docker 28 refuses to make such a session; older ones make it, and it ends with the status of that error.
    """
    try:
        yield
    except APIError as error:
        if not any(words in (error.explanation or "") for words in _UNKNOWN_USER):
            raise
        raise CommandRefused(reason(error)) from error


def run_local(command: Sequence[str] | None, environment: Mapping[str, str]) -> int:
    """Run `command`, or the user's shell if None, on the host until it ends; return its status as run_session does.

    `environment` is added to ours. It shares our streams and our process group, so the terminal's signals reach it
    anyway; others are forwarded. Call it from the main thread, while there is no other.
    """
    arguments = command or [os.environ.get("SHELL") or "sh"]
    watched = {*ENDING_SIGNALS, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        child = os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _EXEC, "inception", *arguments],
            {**os.environ, **environment},
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
    """Tell whether all streams are terminals. A shell for a user may have its standard error elsewhere."""
    descriptors = (
        (streams.stdin, streams.stdout) if command is None else (streams.stdin, streams.stdout, streams.stderr)
    )
    return all(os.isatty(descriptor) for descriptor in descriptors)


def _environment(terminal: RawTerminal | None) -> dict[str, str]:
    return {"TERM": os.environ.get("TERM", "dumb")} if terminal else {}


def _signals_to_catch(terminal: RawTerminal | None) -> tuple[signal.Signals, ...]:
    return (*ENDING_SIGNALS, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT) if terminal else ENDING_SIGNALS
