"""A campaign's report, from report.json alone: page, charts, tables, traces, comparisons, gates."""
