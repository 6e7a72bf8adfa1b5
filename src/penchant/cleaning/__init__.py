"""Cleaning: one file a rule, each with its finding, reason and quarantine; the data doctor; augmentation."""
