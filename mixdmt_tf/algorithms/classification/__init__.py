"""Methods for image classification, one file each, named as `--algorithm` is."""
