"""Renders the templates beside this file: HTML, SVG and CSS in which every value is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    # Engines' logs go into the page: what a template does not mark as safe is escaped, in files of every kind.
    return Environment(
        loader=PackageLoader("inception.stress.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(name: str, **values: object) -> str:
    """Return the template `name` with `values` in it."""
    return _environment().get_template(name).render(values)
