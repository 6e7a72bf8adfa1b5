"""Language models as such: histories told in words, tokenizers, networks, pre-training, adapters."""
