"""Settings that a method with two networks can't follow."""

import types

import pytest

from mixdmt_tf.algorithms.segmentation import gct
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import deeplab_v2, lite_segmenter
from mixdmt_tf.runs import beginning


@pytest.mark.parametrize(
    "network",
    [
        lite_segmenter.LiteSegmenter(backbone_b="efficientnet_lite1"),
        lite_segmenter.LiteSegmenter(pretrained_b="none"),
        deeplab_v2.DeepLabV2(layout_b="torch", layout="keras"),
    ],
    ids=lambda network: type(network).__name__,
)
def test_a_second_network_of_another_kind_is_refused(network):
    """The methods whose two networks learn together make the second as a copy."""
    experiment = types.SimpleNamespace(
        algorithm="gct", method_class=lambda: gct.GCT, network=network
    )
    task = types.SimpleNamespace(experiment=experiment)
    with pytest.raises(UsageError, match="gct trains two networks of the same kind"):
        beginning.algorithm(task, None, None)
