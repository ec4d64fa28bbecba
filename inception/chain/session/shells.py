"""Shells in the levels of a chain: one hop each; `descend` opens one deeper from any of them, `kick` ends the chain."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol, Self

from inception.chain import resize
from inception.chain.interrupts import raising_interrupted
from inception.chain.level_engines import level_client
from inception.chain.remote.control import control_socket_in_level_1
from inception.chain.session.control_socket import ControlSocket
from inception.chain.session.exec_options import ExecOptions
from inception.chain.session.run import run_session
from inception.chain.status import find_chain
from inception.errors import ChainError, Interrupted
from inception.plan.chain import ChainPlan
from inception.plan.events import Event
from inception.plan.light_dataclasses import replace
from inception.plan.protocol import Action, ControlRequest, Variable


class Kicked(BaseException):
    """A program in a level has asked to end the whole chain. Not an Exception: no session may handle it as its own."""


class DescentDrawing(Protocol):
    """A descent that is being drawn."""

    def show(self, event: Event) -> None:
        """Draw what has happened."""


DrawDescent = Callable[[int], AbstractContextManager[DescentDrawing]]
"""Draws a descent to the given depth while the context is entered."""


class Shells:
    """The sessions that one client has in the chain of `plan`.

    `on_change` is called with the new plan whenever the chain has grown or shrunk; `draw` draws how it grows. A session
    waits while another one goes on deeper, and finds its shell as it was.
    """

    def __init__(self, plan: ChainPlan, *, on_change: Callable[[ChainPlan], None], draw: DrawDescent) -> None:
        self._plan = plan
        self._on_change = on_change
        self._draw = draw
        self._control_socket = ControlSocket(plan, self._serve)

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Answer `descend` and `kick` in the levels, inside."""
        with ExitStack() as stack:
            stack.enter_context(self._control_socket)
            if self._plan.remote:
                stack.enter_context(control_socket_in_level_1(self._plan, self._control_socket.path))
            yield self

    def run(self, level: int, command: Sequence[str] | None, options: ExecOptions) -> int:
        """Run `command`, or a shell if None, in a level; return its exit status.

        Raises Kicked, and what run_session raises.
        """
        with level_client(self._plan, self._plan.level(level).above) as client:
            return run_session(
                client,
                self._plan.level(level).container,
                command=command,
                options=replace(options, environment={**self._variables(), **options.environment}),
                requests=self._control_socket,
            )

    def _variables(self) -> dict[str, str]:
        return {Variable.DEPTH: str(self._plan.depth), Variable.CLIENT: str(self._control_socket.path)}

    def climb(self, options: ExecOptions) -> int:
        """Run a shell at the bottom, unwind that level when it ends, and so on up; return the status of level 1's."""
        while True:
            status = self.run(self._plan.depth, None, options)
            if self._plan.depth == 1:
                return status
            self._change(resize.shrink(self._plan, 1))

    def _change(self, plan: ChainPlan) -> None:
        self._plan = plan
        self._on_change(plan)

    def _serve(self, request: ControlRequest) -> int:
        if request.action is Action.KICK:
            raise Kicked
        self._change(find_chain(self._plan.name).plan)  # Others may have changed it meanwhile.
        if not self._plan.shape.is_line:
            raise ChainError(
                f"chain {self._plan.name} is a tree: there is more than one way down",
                remedy=f"open the shell with: inception shell {self._plan.name}/LEVEL",
            )
        depth = self._plan.depth
        target = request.level + request.by
        if target > depth:
            self._grow_to(target)
        status = self.run(target, None, ExecOptions())
        if target > depth:
            self._shrink_to(depth)
        return status

    def _grow_to(self, depth: int) -> None:
        try:
            with raising_interrupted(), self._draw(depth) as drawing:
                self._change(resize.grow(self._plan, depth - self._plan.depth, drawing.show))
        except Interrupted as interruption:
            if interruption.signal_number != signal.SIGINT:
                raise
            # Ctrl-C takes back the request alone: the shell that waits goes on.
            raise ChainError("interrupted on the way down") from interruption

    def _shrink_to(self, depth: int) -> None:
        now = find_chain(self._plan.name).plan
        if now.depth > depth:
            now = resize.shrink(now, now.depth - depth)
        self._change(now)
