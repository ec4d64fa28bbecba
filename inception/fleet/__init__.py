"""Campaigns on many machines: their reports become one."""
