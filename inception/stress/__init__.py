"""Depth stress-testing: campaigns that go down until something gives, what they measure, and what they report."""
