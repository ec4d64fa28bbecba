"""The programs inside a level, above all the runner. Of this package they import only `plan/` and `linux/`."""
