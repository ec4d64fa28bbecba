"""A level's engine on a TCP port of the host, with certificates of its own."""
