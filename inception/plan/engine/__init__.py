"""Settings of the levels' engines: checked, merged and chosen, without input or output."""
