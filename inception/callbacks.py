"""A callback for callers that do not want to hear of anything."""

from __future__ import annotations


def ignore(_: object) -> None:
    """Do nothing: for an `on_message` or `on_event` that nobody follows."""
