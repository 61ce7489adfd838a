"""Runs of image classification."""
