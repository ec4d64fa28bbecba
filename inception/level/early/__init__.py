"""The daemons of a level that start before the runner has imported the rest of itself, which takes as long as they do.

So the modules in here import next to nothing: `pathlib`, `subprocess` and `dataclasses` take 10 ms each.
"""
