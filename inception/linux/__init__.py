"""Linux: mounts, control groups, capabilities, locks. It imports only `plan/` and tenacity."""
