"""Runs of semantic segmentation."""
