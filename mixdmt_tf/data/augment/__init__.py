"""Augmentations, each with separate functions to draw and to apply parameters."""
