"""Copies of files into a level and out of it, as tar streams."""
