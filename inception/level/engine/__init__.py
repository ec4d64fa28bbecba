"""The engine of a level: its two daemons, booted, watched and stopped by the runner."""
