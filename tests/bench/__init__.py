"""`make bench`: ours and the naive way, in one run on one machine."""
