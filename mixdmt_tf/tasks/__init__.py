"""What differs between image classification and semantic segmentation."""
