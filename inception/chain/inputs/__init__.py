"""Readers of what a user gives for a chain: options, files and the environment."""
