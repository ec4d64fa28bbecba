"""`inception ls`: list the chains of this machine: live, stopped and broken."""

from __future__ import annotations

import typer

from inception.cli import options


def ls(*, as_json: options.Json = False) -> None:
    """List the chains of this machine: live, stopped and broken."""
    from inception.chain.forwarding.records import forwards_of
    from inception.chain.status import list_chains
    from inception.cli.branches import depth_text
    from inception.cli.output import chain_fields, engines_text, print_json, print_table, state_text

    chains = list_chains()
    if as_json:
        print_json([chain_fields(chain) for chain in chains])
        return
    if not chains:
        typer.echo("no chains")
        return
    rows = [("NAME", "DEPTH", "ATTACHED", "ENGINES", "STATE")]
    rows += [
        (
            it.name,
            depth_text(it.plan.shape),
            "yes" if it.plan.attached else "no",
            engines_text(it.plan),
            "; ".join((state_text(it), *it.remarks, *map(str, forwards_of(it.plan)))),
        )
        for it in chains
    ]
    print_table(rows)
