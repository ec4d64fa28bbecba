"""One command in a container of a chain, with our streams or our terminal as its own."""
