"""`inception grow NAME +2` and `inception shrink NAME 2`: a running chain, deeper or less deep."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from inception.cli import options, selection
from inception.plan.chain import ChainPlan

_AMOUNT = re.compile(r"[+-]?(\d+)")
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME] [N]",
        help="Which chain, and by how many levels.  [default: the only one, by 1]",
        autocompletion=selection.known_names,
        show_default=False,
    ),
]


def grow(*, words: Words = None, quiet: options.Quiet = False) -> None:
    """Let a chain grow by N levels at its bottom: grow [NAME] [+N]."""
    from inception.chain import resize
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.status import find_chain
    from inception.cli.drawing import draw

    name, by = name_and_amount(words or [])
    chain = find_chain(name)
    _refuse_broken(chain)
    with raising_interrupted(), draw.descent(chain.plan.depth + by, quiet=quiet) as drawing:
        resize.grow(chain.plan, by, drawing.show)


def shrink(*, words: Words = None, quiet: options.Quiet = False) -> None:
    """Unwind the N deepest levels of a chain: shrink [NAME] [N]."""
    from inception.chain import resize
    from inception.chain.status import find_chain

    name, by = name_and_amount(words or [])
    chain = find_chain(name)
    refuse_attached(chain.plan)
    smaller = resize.shrink(chain.plan, by)
    if not quiet:
        typer.echo(f"inception: {smaller.name}: {smaller.depth} levels", err=True)


def name_and_amount(words: list[str]) -> tuple[str | None, int]:
    """Take `[NAME] [+N]` apart. What could be either is a name only if an amount follows. Raises UsageError."""
    from inception.errors import UsageError

    match words:
        case []:
            return None, 1
        case [name] if _AMOUNT.fullmatch(name) is None:
            return name, 1
        case [amount]:
            return None, _number(amount)
        case [name, amount] if _AMOUNT.fullmatch(amount):
            return name, _number(amount)
    raise UsageError(f"cannot read {' '.join(words)!r} as [NAME] [N]", remedy="write it like: dream +2")


def _number(amount: str) -> int:
    return int(amount.lstrip("+-"))


def refuse_attached(plan: ChainPlan) -> None:
    """Raise ChainError if the bottom is where a client has its session: the end of one is the end of the other."""
    from inception.errors import ChainError

    if plan.attached:
        raise ChainError(
            f"chain {plan.name} is attached to the program that started it, whose session is at its bottom",
            remedy=f"leave that session, or end all of it with: inception kick {plan.name}",
        )


def _refuse_broken(chain: object) -> None:
    from inception.chain.status import ChainState, ChainStatus
    from inception.errors import ChainError

    if isinstance(chain, ChainStatus) and chain.state is not ChainState.RUNNING:
        raise ChainError(f"chain {chain.name} is {chain.state}", remedy=f"see: inception tree {chain.name}")
