"""Run commands in isolation: with namespaces, disk and engine of their own, so that several test runs go on at once."""
