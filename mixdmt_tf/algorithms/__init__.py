"""Training algorithms: `base.py` has the one training step, each method is one file.

`classification/` and `segmentation/` hold the methods of each task, `parts/` what
several of them share.
"""
