"""The level image: its recipe, how it is built, and where it is kept."""
