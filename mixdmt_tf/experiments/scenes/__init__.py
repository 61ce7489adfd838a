"""Runs on scenes: what differs from runs on images, file by file."""
