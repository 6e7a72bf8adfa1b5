"""Fusion at feature level: vectors of modalities and presence masks in, one vector a row out."""
