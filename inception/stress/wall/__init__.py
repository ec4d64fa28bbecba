"""Why a chain went no deeper: its failure and what the host shows become a cause with evidence and a remedy."""
