"""Images of any size in an exported Keras model of segmentation."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf.models import small_segmenter
from mixdmt_tf.models.layers.borders import CroppedLike, RepeatedBorder
from mixdmt_tf.runs import export
from mixdmt_tf.tasks.segmentation.scoring import Scorer


@pytest.mark.parametrize("height, width", [(9, 17), (8, 10), (1, 16)])
def test_the_border_is_repeated_as_numpy_does(height, width):
    images = np.random.default_rng(0).normal(size=(2, height, width, 3))
    images = images.astype(np.float32)
    wide = [-(-(side - 1) // 8) * 8 + 1 for side in (height, width)]
    missing = [(0, wide[0] - height), (0, wide[1] - width)]
    expected = np.pad(images, [(0, 0), *missing, (0, 0)], "edge")
    found = RepeatedBorder(8)(images)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(CroppedLike()([found, images]), images)


def test_a_keras_file_takes_images_of_any_size(tmp_path):
    scorer = Scorer(small_segmenter.SmallSegmenter(width=4, depth=1), 3)
    weights = scorer.network.get_weights()
    found = export.export("keras", scorer, weights, "abc", tmp_path / "model.keras")
    assert found.largest < 1e-5
    model = keras.models.load_model(str(tmp_path / "model.keras"))
    for size in ((9, 17), (20, 31)):
        images = np.random.default_rng(1).integers(0, 256, (2, *size, 3), np.uint8)
        answer = model.predict(images.astype(np.float32), verbose=0)
        expected = scorer.predict(weights, images)
        assert answer.shape == (2, *size, 3)
        np.testing.assert_allclose(answer, expected, atol=1e-5)
