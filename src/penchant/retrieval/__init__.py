"""From scores or vectors to ranked lists: exact and approximate, with filters."""
