"""Cleaning: one file per rule, each with its finding, reason and quarantine; the data doctor; augmentation."""
