"""The standalone image: an engine in a container that a user started, without a chain."""
