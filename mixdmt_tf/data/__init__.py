"""Data: sources, splits, augmentation, copies and the batches made of them."""
