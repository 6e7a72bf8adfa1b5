"""Pages from typed results."""
