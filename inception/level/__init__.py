"""The runner, the main process of every level. An island: it imports `plan/`, docker and tenacity, nothing else."""
