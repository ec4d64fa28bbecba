"""A file that describes a chain: its keys, its places, and how it is read and written."""
