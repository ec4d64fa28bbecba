"""The manifest of a fleet on Kubernetes: an Indexed Job whose pods run on a node each, with an engine of their own."""

from __future__ import annotations

import json
import re

from jinja2 import Environment, PackageLoader, StrictUndefined

from inception.errors import UsageError
from inception.fleet.fleets import LABEL_ARGUMENTS, FleetJob

_TEMPLATE = "job.yaml"
_MAX_NODES = 100_000
"""Most completions of an Indexed Job that has a limit for each index."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""Names of Jobs, which are also values of labels and the beginning of host names (RFC 1123)."""
_COMMAND = ("tini", "-s", "--", "inception", "fleet", "node", "--own-engine")


def check(job: FleetJob) -> None:
    """Raise UsageError for a name that no Job has, labels without a value, and a number of nodes out of range."""
    job.check()
    if not _NAME.fullmatch(job.name):
        raise UsageError(f"{job.name!r} cannot name a Job", remedy="use lower-case letters, digits and dashes")
    if job.nodes is not None and not 1 <= job.nodes <= _MAX_NODES:
        raise UsageError(f"{job.nodes} nodes cannot be a Job", remedy=f"give 1 to {_MAX_NODES}")


def manifest(job: FleetJob) -> str:
    """Return the Job as YAML. `job` has a number of nodes."""
    # YAML contains JSON: a value that is written as JSON is one value, whatever is in it.
    environment = Environment(
        loader=PackageLoader("inception.fleet.kubernetes", "."),
        autoescape=False,  # noqa: S701 this is no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tojson"] = json.dumps
    return environment.get_template(_TEMPLATE).render(
        name=job.name,
        image=job.image,
        nodes=job.nodes,
        labels=[(name, value) for name, _, value in (it.partition("=") for it in job.labels)],
        command=(*_COMMAND, *job.arguments),
        arguments_key=LABEL_ARGUMENTS,
        arguments=job.arguments,
    )
