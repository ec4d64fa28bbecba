"""`inception spec NAME`: the file that describes a running chain."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli import selection


def spec(
    *,
    name: selection.ChainName = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of such a file instead.")] = False,
) -> None:
    """Print the file that describes a running chain, or its schema.

    It is for `--spec FILE`, which `inception` itself, `plan`, `up` and `stress` take: TOML.
    """
    from inception.chain.endpoint_proof import check_endpoint
    from inception.chain.forwarding.records import forwards_of
    from inception.chain.level_engines import name_of_level_0
    from inception.chain.publishing.publish import publications_of
    from inception.chain.status import find_chain
    from inception.cli.output import print_json, say
    from inception.spec.keys import json_schema
    from inception.spec.write import spec_of

    if schema:
        print_json(json_schema())
        return
    plan = find_chain(name).plan
    check_endpoint(plan)
    text, warnings = spec_of(plan, name_of_level_0(plan), forwards_of(plan), publications_of(plan))
    for warning in warnings:
        say(f"warning: {warning}")
    typer.echo(text, nl=False)
