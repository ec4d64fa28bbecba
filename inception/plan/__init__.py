"""Pure values and arithmetic: requests, facts and plans. No input or output."""
