"""The main job on one screen: connect, prepare, descend, give the session, unwind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from inception.chain.attach import run_local, run_session
from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.chain.signals import raising_interrupted
from inception.cli import draw
from inception.cli.connect import connected
from inception.errors import UsageError
from inception.plan.events import Event
from inception.plan.request import Request


def run_at_depth(
    request: Request, command: list[str] | None, *, engine: str, quiet: bool, json_events: str | None
) -> int:
    """Run `command`, or a shell, at the bottom of the chain of `request`; returns its exit status.

    Everything is unwound before this returns or raises.
    """
    if request.depth == 0:
        return run_local(command)
    with ExitStack() as stack:
        record = stack.enter_context(_recording(json_events))
        stack.enter_context(raising_interrupted())
        drawing = stack.enter_context(draw.descent(request.depth, quiet=quiet))

        def show(event: Event) -> None:
            record(event)
            drawing.show(event)

        level_0 = stack.enter_context(connected(engine, drawing.progress))
        plan = prepare(level_0, request, drawing.progress)
        chain = stack.enter_context(running(level_0.client, plan, show))
        with drawing.paused():
            return _session(chain, command)


def _session(chain: RunningChain, command: list[str] | None) -> int:
    """Run `command` at the bottom, in one hop: an exec by the engine right above it."""
    bottom = chain.plan.depth
    with chain.client_of(bottom - 1) as client:
        status: int = run_session(client, chain.plan.level(bottom).container, command=command)
    chain.check()
    return status


@contextmanager
def _recording(file: str | None) -> Iterator[Callable[[Event], None]]:
    """A function that writes an event to `file`, or does nothing without one. Raises UsageError if it cannot."""
    with ExitStack() as stack:
        try:
            stream = None if file is None else stack.enter_context(Path(file).open("w", encoding="utf-8", buffering=1))
        except OSError as error:
            raise UsageError(f"cannot write events to {file}: {error.strerror}", remedy="name another file") from error

        def record(event: Event) -> None:
            if stream is not None:
                stream.write(event.to_line())

        yield record
