"""Readers of what the levels of a chain are and do, by their events and engines."""
