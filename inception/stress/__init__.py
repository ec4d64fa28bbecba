"""Stress tests of nesting: campaigns that descend until a limit stops them, their measurements and reports."""
