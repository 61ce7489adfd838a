"""Data for image classification: data sets, splits, augmented copies, batches."""
