"""Pretrained models by folder or hub name."""
