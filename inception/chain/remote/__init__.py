"""Chains on an engine of another machine: the run directory and its locks, seen through level 1."""
