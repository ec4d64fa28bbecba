"""Forward ports of the host to containers and levels, and a port of every level to the host."""
