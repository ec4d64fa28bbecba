"""Names for chains that nobody named."""

from __future__ import annotations

import secrets

_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"  # no vowels, no words; nothing that looks like another
_LENGTH = 7


def generate_name() -> str:
    """A chain name that no other has: about 33 bits of chance."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
