"""Language models as user models."""
