"""Profiles: what a person is interested in and why an item was recommended, in events, modalities and words."""
