"""Augmentation: random changes of contents that keep their meaning."""
