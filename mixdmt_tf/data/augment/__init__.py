"""Augmentations, each split into drawing the parameters and applying them."""
