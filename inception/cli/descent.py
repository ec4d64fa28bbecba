"""Flow of `inception --depth N`: connect, prepare, descend, give the session, unwind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from inception.chain.forwarding.forward import Exposure, Forward
from inception.chain.forwarding.start import start
from inception.chain.interrupts import raising_interrupted
from inception.chain.prepare import prepare
from inception.chain.publishing.publish import Publication, publish
from inception.chain.running import RunningChain, running
from inception.chain.session.exec_options import ExecOptions
from inception.chain.session.run import run_local
from inception.chain.session.shells import Kicked, Shells
from inception.cli.drawing import draw
from inception.engine.connect import connect_to
from inception.errors import EngineError, InceptionError, UsageError
from inception.plan.events import Event
from inception.plan.request import Request


def run_at_depth(
    request: Request,
    command: list[str] | None,
    exec_options: ExecOptions,
    *,
    engine: str,
    quiet: bool,
    json_events: str | None,
    climb: bool = False,
    publications: tuple[Publication, ...] = (),
    carried: tuple[Forward | Exposure, ...] = (),
) -> int:
    """Run `command`, or a shell, at the bottom of the chain of `request`; return its exit status.

    With `climb`, run a shell in each level, from the bottom up, and unwind each level when its shell ends. Everything
    is unwound before this returns or raises.
    """
    if request.depth == 0:
        refuse_on_host(exec_options)
        return run_local(command, exec_options.environment)
    with ExitStack() as stack:
        record = stack.enter_context(_recording(json_events))
        stack.enter_context(raising_interrupted())
        drawing = stack.enter_context(draw.descent(request.depth, quiet=quiet))

        def show(event: Event) -> None:
            record(event)
            drawing.show(event)

        level_0 = stack.enter_context(connect_to(engine, drawing.progress))
        plan = prepare(level_0, request, drawing.progress)
        chain = stack.enter_context(running(level_0.client, plan, show))
        publish(plan, publications)
        for one in carried:
            start(plan, one)
        shells = Shells(plan, on_change=chain.adopt, draw=partial(draw.descent, quiet=quiet))
        with drawing.paused():
            return _give_session(chain, shells, command, exec_options, climb=climb)


def refuse_on_host(options: ExecOptions) -> None:
    """Raise UsageError for options that only an engine can obey: depth 0 is the host itself."""
    for option, value in (("--user", options.user), ("--workdir", options.workdir), ("--tty", options.terminal)):
        if value is not None:
            raise UsageError(
                f"{option} needs a level, and depth 0 is the host itself", remedy="leave it out, or ask for --depth 1"
            )


def _give_session(
    chain: RunningChain, shells: Shells, command: list[str] | None, exec_options: ExecOptions, *, climb: bool
) -> int:
    """Run `command` at the bottom, or shells from there up; return its status, or 0 if `kick` ended the chain."""
    try:
        with shells.open():
            status = shells.climb(exec_options) if climb else shells.run(chain.plan.depth, command, exec_options)
    except Kicked:
        chain.kick()
        return 0
    except EngineError:
        chain.check()  # The level that broke says more.
        raise
    chain.check()
    return status


@contextmanager
def _recording(file: str | None) -> Iterator[Callable[[Event], None]]:
    """Open `file` and yield a function that writes an event to it; without a file, one that does nothing.

    Raises UsageError if the file cannot be opened.
    """
    with ExitStack() as stack:
        try:
            stream = None if file is None else stack.enter_context(Path(file).open("wb", buffering=0))
        except OSError as error:
            raise UsageError(f"cannot write events to {file}: {error.strerror}", remedy="name another file") from error

        def record(event: Event) -> None:
            if stream is not None:
                try:
                    stream.write(event.to_line().encode())
                except OSError as error:
                    raise InceptionError(f"cannot write events to {file}: {error.strerror}") from error

        yield record
