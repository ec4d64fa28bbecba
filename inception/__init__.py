"""Nest Docker engines to any depth."""

__version__ = "0.1.0"
