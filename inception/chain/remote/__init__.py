"""Chains on another machine's engine: mirror the run directory and its locks here, through level 1."""
