"""Word vectors trained on the corpus."""
