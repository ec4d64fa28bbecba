"""The commands: one command a file."""
