"""Programs run in a level by `docker exec`, each with `python3 -m`."""
