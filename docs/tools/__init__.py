"""Programs that make parts of the manual from the program and from its types."""
