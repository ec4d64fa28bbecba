"""Runs a campaign on each node of a Docker Swarm, as a job that the Swarm schedules."""
