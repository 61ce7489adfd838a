"""Data for semantic segmentation: data sets, splits, pseudo labels, batches."""
