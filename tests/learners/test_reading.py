"""Batches for evaluation and prediction."""

import numpy as np

from mixdmt_tf.learners.reading import batched
from mixdmt_tf.learners.sources import Part


def test_labels_of_images_of_different_sizes_stay_what_they_are():
    """There may be more classes than a byte can number."""
    images = [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)]
    batches = [*batched(Part(images, np.array([299, 0], np.int32)), 2)]
    assert [labels.numpy().tolist() for _, labels in batches] == [[299], [0]]
    maps = [np.full(image.shape[:2], 255, np.uint8) for image in images]
    batches = [*batched(Part(images, maps), 2)]
    assert [labels.shape.as_list() for _, labels in batches] == [[1, 4, 4], [1, 4, 5]]
    assert all((labels.numpy() == 255).all() for _, labels in batches)
