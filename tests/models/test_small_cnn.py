"""The small network without batch normalization."""

import numpy as np
import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.small_cnn import SmallCNN


def images(count=5):
    pixels = np.random.RandomState(0).uniform(-1, 1, (count, 8, 8, 3))
    return pixels.astype(np.float32)


@pytest.mark.parametrize("training", [False, True])
def test_rows_do_not_depend_on_each_other(training):
    """What 'two replicas equal one' rests on; a training pass changes no weight."""
    model = SmallCNN().build((8, 8, 3), 4)
    weights = model.get_weights()
    together = model(images(), training=training)

    for row in range(5):
        alone = model(images()[row : row + 1], training=training)
        np.testing.assert_allclose(together[row], alone[0], atol=1e-6)
    for before, after in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(before, after)


def test_filters_set_its_size():
    """Two 3x3 convolutions of f and 2 f filters, and the dense layer."""
    for f in (1, 8):
        model = SmallCNN(filters=f).build((8, 8, 3), 4)
        expected = (27 * f + f) + (9 * f * 2 * f + 2 * f) + (2 * f * 4 + 4)
        assert model.count_params() == expected


def test_logits_see_the_images():
    """Whole of them: changing any quarter changes the answer."""
    model = SmallCNN().build((8, 8, 3), 4)
    logits = model(images(1))
    for row in (0, 4):
        for column in (0, 4):
            changed = images(1)
            changed[:, row : row + 4, column : column + 4] *= -1
            assert np.any(np.abs(model(changed) - logits) > 1e-4)


def test_no_filters_are_refused():
    with pytest.raises(UsageError, match="filters=0: expected"):
        SmallCNN(filters=0)
