"""`inception grow NAME +2` and `inception shrink NAME 2`: change the depth of a running chain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from inception.cli import options, selection
from inception.cli.output import say_unless

if TYPE_CHECKING:
    from inception.chain.status import ChainStatus
    from inception.plan.chain import ChainPlan

_AMOUNT = re.compile(r"[+-]?(\d+)")
NameAndAmount = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME] [N]",
        help="Name of the chain, and number of levels.  [default: the only chain, 1]",
        autocompletion=selection.known_names,
        show_default=False,
    ),
]


def grow(
    *,
    arguments: NameAndAmount = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="Image of the new levels.  [default: as the chain was asked for]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Grow although the levels, by the estimates, do not fit.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Add N levels below a chain's bottom: grow [NAME] [+N]."""
    from inception.chain import resize
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.status import find_chain
    from inception.cli.drawing import draw

    name, by = name_and_amount(arguments or [])
    chain = find_chain(name)
    _refuse_broken(chain)
    with raising_interrupted(), draw.descent(chain.plan.depth + by, quiet=quiet) as drawing:
        resize.grow(chain.plan, by, drawing.show, image=image, force=force, on_message=drawing.progress)


def shrink(*, arguments: NameAndAmount = None, quiet: options.Quiet = False) -> None:
    """Unwind the N deepest levels of a chain: shrink [NAME] [N]."""
    from inception.chain import resize
    from inception.chain.status import find_chain

    name, by = name_and_amount(arguments or [])
    chain = find_chain(name)
    refuse_attached(chain.plan)
    smaller = resize.shrink(chain.plan, by)
    say_unless(quiet=quiet)(f"{smaller.name}: {smaller.depth} levels")


def name_and_amount(arguments: list[str]) -> tuple[str | None, int]:
    """Return the name and the number of levels in `[NAME] [+N]`. Raises UsageError if they are something else.

    A single word that could be either is the number.
    """
    from inception.errors import UsageError

    match arguments:
        case []:
            return None, 1
        case [name] if _AMOUNT.fullmatch(name) is None:
            return name, 1
        case [amount]:
            return None, _number(amount)
        case [name, amount] if _AMOUNT.fullmatch(amount):
            return name, _number(amount)
    raise UsageError(f"cannot read {' '.join(arguments)!r} as [NAME] [N]", remedy="write it like: dream +2")


def _number(amount: str) -> int:
    return int(amount.lstrip("+-"))


def refuse_attached(plan: ChainPlan) -> None:
    """Raise ChainError if the chain is attached: its client's session is at its bottom, and would end with it."""
    from inception.errors import ChainError

    if plan.attached:
        raise ChainError(
            f"chain {plan.name} is attached to the program that started it, whose session is at its bottom",
            remedy=f"leave that session, or end all of it with: inception kick {plan.name}",
            topic="attached",
        )


def _refuse_broken(chain: ChainStatus) -> None:
    from inception.chain.status import ChainState, refuse_paused
    from inception.errors import ChainError

    refuse_paused(chain.plan)
    if chain.state is not ChainState.RUNNING:
        raise ChainError(f"chain {chain.name} is {chain.state}", remedy=f"see: inception tree {chain.name}")
