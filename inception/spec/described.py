"""Read a chain that a Python program describes by arguments, by a spec file, or by both."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from inception.chain.forwarding.forward import Exposure, Forward
from inception.chain.publishing.publish import Publication, parse_publications
from inception.errors import UsageError
from inception.plan.light_dataclasses import dataclass
from inception.plan.request import Request
from inception.spec.options import LOOPBACK
from inception.spec.request import make_request

if TYPE_CHECKING:
    from inception.plan.chain import ChainPlan

_IN_FILES: Mapping[str, Any] = {
    "here": False,
    "publish_engine": (),
    "publish_address": LOOPBACK,
    "tls_san": (),
    "insecure_plaintext": False,
}
"""Usual values of keys that a file has and no argument of `descend`."""


@dataclass(frozen=True, kw_only=True)
class DescribedChain:
    """A chain as a program wants it: its request, its level-0 engine, and its ports on this machine."""

    request: Request
    engine: str
    carried: tuple[Forward | Exposure, ...] = ()
    publications: tuple[Publication, ...] = ()

    def open_ports(self, plan: ChainPlan) -> None:
        """Publish engines and open forwards of the running chain of `plan`. Raises InceptionError."""
        from inception.chain.forwarding.start import start
        from inception.chain.publishing.publish import publish

        publish(plan, self.publications)
        for one in self.carried:
            start(plan, one)


def read_description(
    arguments: Mapping[str, Any], spec: str | PathLike[str] | None, usual: Mapping[str, Any]
) -> DescribedChain:
    """Return the chain of `arguments` of `descend`; those with a value that is not the `usual` go before `spec`.

    Raises UsageError.
    """
    values, file = {**_IN_FILES, **arguments}, None
    if spec is not None:
        from inception.spec.read import read_spec

        file = read_spec(fspath(spec))
        values = file.applied(values, {name for name, value in arguments.items() if value != usual[name]})
    if values["depth"] is None:
        raise UsageError("nothing says how many levels to start", remedy="give a depth, or a spec that has one")
    if values["depth"] == 0:
        raise UsageError("depth 0 is the host itself", remedy="ask for 1 level or more")
    others = {name: values.pop(name) for name in ("engine", *_IN_FILES) if name != "here"}
    request = make_request(values, file)
    return DescribedChain(
        request=request,
        engine=others["engine"],
        carried=() if file is None else file.carried(request.shape),
        publications=parse_publications(
            others["publish_engine"],
            address=others["publish_address"],
            plain=others["insecure_plaintext"],
            tls_names=others["tls_san"],
            shape=request.shape,
        ),
    )
