"""Data of semantic segmentation: data sets, splits, pseudo labels, batches."""
