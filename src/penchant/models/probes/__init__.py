"""Linear probes on frozen interest vectors."""
