"""Files and frames become a `Dataset`."""
