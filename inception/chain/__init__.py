"""A running chain, seen from outside; and, for Python programs, the way to have one: `descend` and `attach`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inception.chain.levels import Levels


@contextmanager
def descend(
    depth: int, *, name: str | None = None, image: str | None = None, engine: str = "auto", **choices: Any
) -> Iterator[Levels]:
    """Start a chain of `depth` levels and give its engines; it is unwound in the end, whatever happens inside.

    For instance: `with chain.descend(depth=3) as levels: levels.bottom.containers.list()`, after
    `from inception import chain`.

    `engine` is host, private, auto or an address; `choices` are further fields of `inception.plan.request.Request`.
    Raises InceptionError and its kinds: see `inception.errors`.
    """
    # Everything that runs a chain imports this package, so it imports nothing of that itself.
    from inception.chain.levels import Levels
    from inception.chain.naming import generate_name
    from inception.chain.prepare import prepare, refuse_early
    from inception.chain.running import running
    from inception.engine.connect import connect_to
    from inception.image.recipe import default_tag
    from inception.plan.request import Request

    request = Request(depth=depth, name=name or generate_name(), image=image or default_tag(), **choices)
    refuse_early(request)
    with (
        connect_to(engine, _ignore) as level_0,
        running(level_0.client, prepare(level_0, request, _ignore), _ignore) as chain,
        Levels(chain.plan) as levels,
    ):
        yield levels


def attach(name: str | None = None) -> AbstractContextManager[Levels]:
    """The engines of a chain that is there, as `inception up` makes it; it stays.

    Raises ChainError if there is no such chain.
    """
    from inception.chain.levels import Levels
    from inception.chain.status import find_chain

    return Levels(find_chain(name).plan)


def _ignore(_: object) -> None:
    pass
