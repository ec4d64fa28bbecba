"""Forms in which values are written: JSON, sizes, durations and the text of others."""
