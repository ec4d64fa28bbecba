"""Interfaces of the kernel: mounts, control groups, capabilities, locks. Of `inception` they import only `plan/`."""
