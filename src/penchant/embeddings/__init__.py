"""The modalities of a dataset: choose, encode through the cache, fit, update."""
