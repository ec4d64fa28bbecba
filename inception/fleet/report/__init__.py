"""Merges the reports of many machines and draws the result, from report.json and fleet.json alone."""
