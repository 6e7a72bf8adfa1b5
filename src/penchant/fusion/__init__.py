"""Fusion at feature level: vectors of modalities and presence masks in, one vector per row out."""
