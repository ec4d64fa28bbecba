"""Chains that are stopped: their records, and what keeps their data."""
