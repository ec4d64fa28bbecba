"""Renders the report of a campaign, from report.json alone: page, charts, tables, traces, comparisons, gates."""
