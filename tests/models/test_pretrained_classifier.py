"""What the new last layer of a classifier with published weights begins with."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import features
from mixdmt_tf.models.copies import copied
from mixdmt_tf.models.efficientnet_lite0 import EfficientNetLite0
from mixdmt_tf.models.keras_application import KerasApplication


def kernel(network):
    return features.head(network).kernel.numpy()


@pytest.mark.parametrize(
    "settings,expected",
    [
        (EfficientNetLite0(), 0.001),
        (EfficientNetLite0(head_stddev=0.04), 0.04),
        (KerasApplication(application="MobileNetV3Small", head_stddev=0.01), 0.01),
    ],
)
def test_weights_are_normal_of_that_deviation(settings, expected):
    keras.utils.set_random_seed(1)
    network = settings.build((32, 32, 3), 10)
    found = kernel(network)
    np.testing.assert_allclose(found.std(), expected, rtol=0.05)
    assert np.abs(found).max() > 3 * expected  # which uniform ones never are
    assert not features.head(network).bias.numpy().any()


def test_a_second_network_begins_otherwise():
    network = EfficientNetLite0().build((32, 32, 3), 10)
    one, other = kernel(network), kernel(copied(network))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


def test_none_is_refused_since_two_networks_would_be_twins():
    with pytest.raises(UsageError, match="head_stddev"):
        EfficientNetLite0(head_stddev=0.0)
