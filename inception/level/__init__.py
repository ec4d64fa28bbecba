"""The runner: the program that is the main process of every level. An island: it imports `plan/`, docker and tenacity only."""
