"""Generate names for chains."""

from __future__ import annotations

import secrets

_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"  # without vowels there are no words, and no two characters look alike
_LENGTH = 7


def generate_name() -> str:
    """Return a random chain name of about 33 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
