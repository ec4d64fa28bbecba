"""Interfaces of the kernel: mounts, control groups, capabilities, locks. Of this package they import only `plan/`."""
