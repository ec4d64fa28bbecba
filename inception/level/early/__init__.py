"""The daemons of a level that start before the runner has imported the rest of itself, which takes as long as they do.

So the modules in here import little: no dataclasses, whose own imports take 10 ms.
"""
