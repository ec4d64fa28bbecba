"""Campaigns on the nodes of a Kubernetes cluster."""
