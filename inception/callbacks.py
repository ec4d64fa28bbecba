"""`ignore`, the callback that does nothing."""

from __future__ import annotations


def ignore(_: object) -> None:
    """Do nothing: for an `on_message` or `on_event` that nobody follows."""
