"""Renders templates, those beside this file first: HTML, SVG and CSS in which every value is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

_OWN = "inception.stress.report"


@cache
def _environment(package: str) -> Environment:
    # Engines' logs go into the page: what a template does not mark as safe is escaped, in files of every kind.
    return Environment(
        loader=ChoiceLoader([PackageLoader(_OWN), PackageLoader(package)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(name: str, *, package: str = _OWN, **values: object) -> str:
    """Return the template `name`, of this package or of `package`, with `values` in it."""
    return _environment(package).get_template(name).render(values)
