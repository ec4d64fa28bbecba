"""A campaign where its readers look already: metrics for Prometheus, traces and metrics for OpenTelemetry."""
