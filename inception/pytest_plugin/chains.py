"""The chains of one pytest session: each is started when a test asks for it, and unwound at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from inception.chain.level_clients import Levels


class Chains:
    """Chains by the arguments of `descend` that they were started with. A context manager that unwinds them."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Levels, ExitStack]] = {}

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Unwind all chains."""
        with ExitStack() as stack:
            for _, chain in self._running.values():
                stack.push(chain)
            self._running.clear()

    def get(self, arguments: Mapping[str, Any]) -> Levels:
        """Return the chain of these arguments of `descend`, started if there is none. Raises InceptionError."""
        from inception.api import descend

        key = _key(arguments)
        if key not in self._running:
            chain = ExitStack()
            levels = chain.enter_context(descend(**arguments, on_message=_say))
            self._running[key] = (levels, chain)
        return self._running[key][0]

    @contextmanager
    def clean(self, arguments: Mapping[str, Any], *, all_levels: bool) -> Iterator[Levels]:
        """Give a chain whose bottom, or each level, is restored at the end.

        A chain that cannot be restored is unwound, and the next test gets a new one: NotRestored is raised.
        """
        from inception.pytest_plugin.contents import NotRestored, restored

        levels = self.get(arguments)
        numbers = range(1, len(levels) + 1) if all_levels else (len(levels),)
        try:
            with ExitStack() as stack:
                for number in numbers:
                    stack.enter_context(restored(levels[number].api))
                yield levels
        except NotRestored:
            self._discard(arguments)
            raise

    def _discard(self, arguments: Mapping[str, Any]) -> None:
        # Another fixture of the same test may have discarded it.
        if (found := self._running.pop(_key(arguments), None)) is not None:
            found[1].close()


def _key(arguments: Mapping[str, Any]) -> str:
    return repr(sorted(arguments.items()))


def _say(line: str) -> None:
    sys.stderr.write(f"inception: {line}\n")
