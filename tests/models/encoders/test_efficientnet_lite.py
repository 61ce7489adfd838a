"""The layers of EfficientNet-Lite, against the paper's written out in NumPy."""

import keras
import numpy as np
import pytest

from mixdmt_tf.models import encoders, weights
from mixdmt_tf.models.encoders.efficientnet_lite import EfficientNetLite
from tests.oracles import efficientnet_lite as oracle


def images(height, width, count=2):
    shape = (count, height, width, 3)
    return np.random.RandomState(1).uniform(-1, 1, shape).astype(np.float32)


def built(size, output_stride=32, shape=(None, None, 3)):
    """A model of all features, and the strides that they have."""
    x = keras.Input(shape)
    found = EfficientNetLite(size, 0.9).features(x, output_stride)
    return keras.Model(x, list(found.values())), list(found)


def filled(model, made, path):
    np.savez(path, **made)
    report = weights.load(model, path)
    assert not report.missing and not report.mismatched
    return report


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("output_stride", [16, 32])
def test_features_follow_the_paper(size, output_stride, tmp_path):
    """At even and odd sizes, which 'same' pads differently."""
    model, strides = built(size, output_stride)
    made = oracle.weights(size, 3)
    filled(model, made, tmp_path / "w.npz")
    assert strides == [2, 4, 8, 16, 32][: 4 + (output_stride == 32)]
    plan = oracle.blocks(size, output_stride)
    for height, width in ((32, 40), (33, 45)):
        x = images(height, width)
        expected, reached = {}, 2
        for output, (_, stride, *_) in zip(
            oracle.features(x, made, size, output_stride), plan
        ):
            reached *= stride
            expected[reached] = output
        for stride, result in zip(strides, model(x, training=False)):
            assert result.shape[1:3] == (-(-height // stride), -(-width // stride))
            scale = np.abs(expected[stride]).max()
            np.testing.assert_allclose(result, expected[stride], atol=1e-4 * scale)


def test_the_oracle_has_the_published_channels_and_repeats():
    """Lite2's stages, as its release lists them."""
    plan = oracle.blocks(2)
    assert plan[-1][-1] == 352
    assert len(oracle.blocks(0)) == 16 and len(oracle.blocks(1)) == 21
    assert len(plan) == 21
    assert [oracle.channels(n, 2) for n in (16, 24, 40, 80, 112, 192)] == [
        *(16, 24, 48, 88, 120, 208)
    ]


def test_with_less_stride_points_are_added_between(tmp_path):
    """Rate 2 at stride 16 sees what rate 1 at stride 32 does, at every second point.

    Of sides of which 'same' padding takes the first point as the first: 16 n + 1, that
    is, an even number of steps at stride 16.
    """
    coarse, _ = built(0, 32)
    fine, _ = built(0, 16)
    made = oracle.weights(0, 3)
    for model in (coarse, fine):
        filled(model, made, tmp_path / "w.npz")
    x = images(16 * 4 + 1, 16 * 6 + 1, 1)  # 5 x 7 points at stride 16
    expected = coarse(x, training=False)[-1].numpy()
    result = fine(x, training=False)[-1].numpy()
    assert expected.shape[1:3] == (3, 4) and result.shape[1:3] == (5, 7)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(result[:, ::2, ::2], expected, atol=1e-4 * scale)


@pytest.mark.parametrize(
    "backbone,output_stride", [("efficientnet_lite1", 32), ("resnet50", 16)]
)
def test_encoders_have_features_of_strides_4_8_and_16(backbone, output_stride):
    assert backbone in encoders.BACKBONES
    x = keras.Input((33, 40, 3))
    found = encoders.features(backbone, x, 0.9, output_stride)
    assert {4, 8, 16, output_stride} <= set(found)
    for stride, features in found.items():
        assert features.shape[1:3] == (-(-33 // stride), -(-40 // stride))


def test_layers_are_initialized_to_pass_on_what_comes_in():
    """Neither nothing nor infinities reach the last features of a new network."""
    keras.utils.set_random_seed(3)
    model, _ = built(0)
    x = images(64, 64, 4)
    deviation = float(np.std(model(x, training=True)[-1]))
    assert 0.1 < deviation < 30


@pytest.mark.parametrize(
    ("layer", "outputs"),
    [("blocks_0_depthwise_conv", 9), ("blocks_3_depthwise_conv", 25)],
)
def test_depthwise_kernels_have_the_scale_of_all_others(layer, outputs):
    """The variance of their weights is 2 over the outputs of a pixel, k^2."""
    keras.utils.set_random_seed(3)
    model, _ = built(0)
    kernel = model.get_layer(layer).get_weights()[0]
    assert np.std(kernel) == pytest.approx(np.sqrt(2 / outputs), rel=0.1)
