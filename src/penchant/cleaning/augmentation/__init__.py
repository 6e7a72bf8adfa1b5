"""Contents changed so that they keep their meaning."""
