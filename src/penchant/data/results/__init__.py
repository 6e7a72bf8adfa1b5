"""The typed results that pass between stages."""
