"""Marks that the holder of a lifeline writes into it, for programs that must not import all of `lifeline`."""

from __future__ import annotations

HELD = b"held\n"
READY = b"ready\n"
ENDING = b"ending\n"
