"""Nouns that pass between stages, and the way from files to them. Imports without torch."""
