"""Programs that `docker exec` runs in a level, each with `python3 -m`."""
