"""Network blocks: item encoder, tokens, temporal encoders, windows."""
