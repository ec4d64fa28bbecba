"""A descent, drawn on standard error."""
