"""penchant: interests from what people write, look at, listen to and do, as they change over time."""

__version__ = "0.1.0"
