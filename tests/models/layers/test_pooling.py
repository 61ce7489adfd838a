"""Means over parts of an image."""

import keras
import numpy as np
import pytest

from mixdmt_tf.models.layers.pooling import GridMeans, grid_means


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(6, 12), (7, 5), (2, 1)])
def test_equals_means_of_slices(bins, size):
    """Overlapping where the size is no multiple; each at least a feature."""
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    means = grid_means(x, bins).numpy()
    assert means.shape == (2, bins, bins, 3)
    for i, j in np.ndindex(bins, bins):
        rows, columns = (
            slice(int(np.floor(k * n / bins)), int(np.ceil((k + 1) * n / bins)))
            for k, n in zip((i, j), size)
        )
        expected = x[:, rows, columns].mean((1, 2))
        np.testing.assert_allclose(means[:, i, j], expected, rtol=1e-5, atol=1e-6)


def test_the_layer_serves_all_sizes_and_is_saved(tmp_path):
    images = keras.Input((None, None, 2))
    model = keras.Model(images, GridMeans(3)(images))
    assert model.output_shape == (None, 3, 3, 2)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for size in ((4, 9), (10, 3)):
        x = np.random.default_rng(0).normal(size=(2, *size, 2)).astype(np.float32)
        np.testing.assert_allclose(loaded(x), grid_means(x, 3), rtol=1e-6)
