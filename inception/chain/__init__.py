"""A running chain, seen from outside."""
