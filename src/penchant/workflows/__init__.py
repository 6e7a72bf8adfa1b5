"""What a command does, as one call."""
