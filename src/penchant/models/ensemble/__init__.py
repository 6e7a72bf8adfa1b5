"""Experts summed: weights, cold start, content mapping."""
