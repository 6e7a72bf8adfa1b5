"""Models: a user's history to scores or interest vectors. One file each; `base` holds the protocol."""
