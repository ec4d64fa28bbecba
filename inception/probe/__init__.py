"""Reads the host and its engine into facts."""
