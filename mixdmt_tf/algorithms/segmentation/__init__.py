"""Methods for semantic segmentation, one file each, named as `--algorithm` is.

They are trained by the same step as those for classification (`algorithms/base.py`): a
term of the loss then has one value for each pixel, and ignored pixels do not count.
"""
