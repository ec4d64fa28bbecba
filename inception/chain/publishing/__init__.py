"""Publish engines of levels on TCP ports of the host, with TLS certificates made for the chain."""
