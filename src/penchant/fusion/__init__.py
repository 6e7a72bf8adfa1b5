"""Fusion: views and masks in, vectors out (feature level); experts' scores in, scores out (`decision`)."""
