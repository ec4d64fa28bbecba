"""Read facts about the host and its engine."""
