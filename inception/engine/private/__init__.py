"""The private engine: an engine of our own where none answers, for as long as somebody needs it."""
