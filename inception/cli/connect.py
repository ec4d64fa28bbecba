"""From the word behind `--engine` to a connection."""

from __future__ import annotations

from inception.engine.connect import connect_to as connected

__all__ = ["connected"]
