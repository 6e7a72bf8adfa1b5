"""Losses: pure functions of vectors, targets and a mask. One file each; none of them holds a model."""
