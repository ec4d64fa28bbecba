"""The manifest of a fleet on Kubernetes: an Indexed Job whose pods run on a node each, with an engine of their own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from inception.errors import UsageError

_TEMPLATE = "job.yaml"
_MAX_NODES = 100_000
"""Most completions of an Indexed Job that has a limit for each index."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""Names of Jobs, which are also values of labels and the beginning of host names (RFC 1123)."""
_COMMAND = ("tini", "-s", "--", "inception", "fleet", "node", "--own-engine")


@dataclass(frozen=True, kw_only=True)
class KubernetesJob:
    """A campaign for `nodes` nodes: the client image, the options of `inception stress`, and the nodes' labels."""

    name: str
    image: str
    arguments: tuple[str, ...]
    nodes: int
    labels: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise UsageError for a name that no Job has, labels without a value, and a number of nodes out of range."""
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"{self.name!r} cannot name a Job", remedy="use lower-case letters, digits and dashes")
        for label in self.labels:
            if not all(label.partition("=")):
                raise UsageError(f"{label!r} is no label", remedy="write it like disk=ssd")
        if not 1 <= self.nodes <= _MAX_NODES:
            raise UsageError(f"{self.nodes} nodes cannot be a Job", remedy=f"give 1 to {_MAX_NODES}")

    def manifest(self) -> str:
        """Return the Job as YAML."""
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
            name=self.name,
            image=self.image,
            nodes=self.nodes,
            labels=[(name, value) for name, _, value in (it.partition("=") for it in self.labels)],
            command=(*_COMMAND, *self.arguments),
        )
