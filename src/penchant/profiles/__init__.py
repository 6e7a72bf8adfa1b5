"""Profiles: the interests of a user and the reasons of a recommendation, in events, modalities and words."""
