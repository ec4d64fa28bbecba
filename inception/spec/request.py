"""Make a request for a chain from the values of its options and a spec file, for the command line and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inception.errors import UsageError
from inception.spec.options import chain_options, parameters_of

if TYPE_CHECKING:
    from inception.plan.request import Request
    from inception.spec.read import Spec


def make_request(values: Mapping[str, Any], spec: Spec | None) -> Request:
    """Return the request that `values` of all options of a chain make, those of `spec` already among them.

    Raises UsageError, with the file's line and key where a value of the file is at fault.
    """
    from inception.chain.inputs.request import read_request

    def make(values: Mapping[str, Any]) -> Request:
        return read_request({name: value for name, value in values.items() if name != "here"}, here=values["here"])

    if spec is None:
        return make({**values, "places": ()})
    places = {"places": spec.places_of(values["depth"])}
    try:
        return make({**values, **places})
    except UsageError as error:
        plain = {it.name: it.default for it in parameters_of(chain_options)} | {"depth": values["depth"]}
        raise spec.placed(
            error, lambda one: make({**plain, **{name: it for name, it in one.items() if name in plain}})
        ) from error
