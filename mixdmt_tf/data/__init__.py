"""Data: sources, splits, augmentation, augmented copies and batches."""
