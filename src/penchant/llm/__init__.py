"""Language models as such: verbalised histories, tokenizers, networks, pre-training, adapters."""
