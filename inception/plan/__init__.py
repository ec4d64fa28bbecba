"""Pure values and arithmetic: what is asked, what is known, and what will be done. No input or output."""
