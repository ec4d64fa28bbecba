"""An engine in a container that a user started, no chain around it."""
