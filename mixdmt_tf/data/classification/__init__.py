"""Data of image classification: data sets, splits, augmented copies, batches."""
