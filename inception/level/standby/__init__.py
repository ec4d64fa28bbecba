"""The runner of a quiet level stands by: a small program waits in its process until something happens."""
