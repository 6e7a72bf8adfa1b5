"""Augmentation: random changes that keep the meaning of the content."""
