"""Check a release: packages that are the same when built twice, installed as users install them, and run from there."""
