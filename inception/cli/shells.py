"""Shells in the levels of a chain: one hop each, `descend` goes deeper from any of them, `kick` ends it all."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from inception.chain import resize
from inception.chain.connect import level_client
from inception.chain.interrupts import raising_interrupted
from inception.chain.session.control_socket import ControlSocket
from inception.chain.session.run import run_session
from inception.chain.status import find_chain
from inception.cli.drawing import draw
from inception.errors import ChainError, Interrupted
from inception.plan.chain import ChainPlan
from inception.plan.protocol import Action, ControlRequest, Variable


class Kicked(BaseException):
    """Somebody in a level wants the whole chain to end, now. Not an Exception: no session may take it for its own."""


class Shells:
    """The sessions that one client has in a chain. `adopt` is told whenever the chain has grown or shrunk.

    A session that waits while another one goes on deeper is the same as ever when it has the terminal again: its shell
    has not moved.
    """

    def __init__(self, plan: ChainPlan, adopt: Callable[[ChainPlan], None], *, quiet: bool) -> None:
        self._plan = plan
        self._adopt = adopt
        self._quiet = quiet
        self._control_socket = ControlSocket(plan, self._serve)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let `descend` and `kick` in the levels reach us, inside."""
        with self._control_socket:
            yield

    def session(
        self,
        level: int,
        command: Sequence[str] | None,
        *,
        workdir: str | None = None,
        terminal: bool | None = None,
    ) -> int:
        """Run `command`, or a shell, in a level; returns its exit status.

        Raises Kicked, and what run_session raises.
        """
        with level_client(self._plan, level - 1) as client:
            return run_session(
                client,
                self._plan.level(level).container,
                command=command,
                environment={
                    Variable.DEPTH: str(self._plan.depth),
                    Variable.CLIENT: str(self._control_socket.path),
                },
                workdir=workdir,
                terminal=terminal,
                requests=self._control_socket,
            )

    def climb(self) -> int:
        """A shell in each level, from the bottom up: its end is the level's. Returns the status of level 1's."""
        while True:
            status = self.session(self._plan.depth, None)
            if self._plan.depth == 1:
                return status
            self._change(resize.shrink(self._plan, 1))

    def _change(self, plan: ChainPlan) -> None:
        self._plan = plan
        self._adopt(plan)

    def _serve(self, request: ControlRequest) -> int:
        if request.action is Action.KICK:
            raise Kicked
        self._change(find_chain(self._plan.name).plan)  # Others may have changed it meanwhile.
        depth = self._plan.depth
        target = request.level + request.by
        if target > depth:
            self._grow_to(target)
        status = self.session(target, None)
        if target > depth:
            self._shrink_to(depth)
        return status

    def _grow_to(self, depth: int) -> None:
        try:
            with raising_interrupted(), draw.descent(depth, quiet=self._quiet) as drawing:
                self._change(resize.grow(self._plan, depth - self._plan.depth, drawing.show))
        except Interrupted as interruption:
            if interruption.signal_number != signal.SIGINT:
                raise
            # The user has thought better of it: the shell that waits goes on.
            raise ChainError("interrupted on the way down") from interruption

    def _shrink_to(self, depth: int) -> None:
        now = find_chain(self._plan.name).plan
        if now.depth > depth:
            now = resize.shrink(now, now.depth - depth)
        self._change(now)
