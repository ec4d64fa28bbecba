"""The programs inside a level, above all the runner. Of `inception` they import only `plan/` and `linux/`."""
