"""The level image: its recipe, its build, and its copies on engines."""
