"""Language models without recommendation: verbalised histories, tokenizers, networks, pre-training, adapters."""
