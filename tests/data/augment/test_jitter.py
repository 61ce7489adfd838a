"""Colour jitter against its formulas, pixel by pixel."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.augment import jitter


def images(count=6):
    shape = (count, 5, 4, 3)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def luma(pixel):
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]


def cut(values):
    return np.clip(values, 0, 1)


def oracle(image, uniforms, probability, grey):
    """One image, change by change."""
    x = (np.asarray(image, np.float64) + 1) / 2
    factors = [0.6 + 0.8 * float(u) for u in uniforms[2:5]]
    turn = -0.1 + 0.2 * float(uniforms[5])
    if uniforms[0] < probability:
        for change in np.argsort(uniforms[6:], kind="stable"):
            if change == 0:
                x = cut(factors[0] * x)
            elif change == 1:
                mean = np.mean([luma(pixel) for pixel in x.reshape(-1, 3)])
                x = cut(factors[1] * x + (1 - factors[1]) * mean)
            for i in np.ndindex(*x.shape[:2]):
                if change == 2:
                    x[i] = cut(factors[2] * x[i] + (1 - factors[2]) * luma(x[i]))
                elif change == 3:
                    hue, saturation, value = colorsys.rgb_to_hsv(*x[i])
                    x[i] = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
    if uniforms[1] < grey:
        for i in np.ndindex(*x.shape[:2]):
            x[i] = luma(x[i])
    return 2 * x - 1


def test_equals_the_oracle_in_every_order():
    """All 24 orders are met, jittered or not, grey or not."""
    rng, orders, kinds = np.random.default_rng(1), set(), set()
    for _ in range(40):
        uniforms = rng.random([6, jitter.UNIFORMS], np.float32)
        got = jitter.colour_jitter(images(), uniforms, 0.8, 0.2).numpy()
        for image, drawn, result in zip(images(), uniforms, got):
            expected = oracle(image, drawn, 0.8, 0.2)
            np.testing.assert_allclose(result, expected, atol=2e-5)
            orders.add(tuple(np.argsort(drawn[6:])))
            kinds.add((drawn[0] < 0.8, drawn[1] < 0.2))
    assert len(orders) == 24 and len(kinds) == 4


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_probabilities_of_0_and_1(grey):
    uniforms = np.random.default_rng(2).random([6, jitter.UNIFORMS], np.float32)
    result = jitter.colour_jitter(images(), uniforms, 0.0, grey).numpy()
    if grey:
        np.testing.assert_allclose(result[..., 0], result[..., 2], atol=1e-6)
    else:
        np.testing.assert_allclose(result, images(), atol=1e-6)
    changed = jitter.colour_jitter(images(), uniforms, 1.0, 0.0).numpy()
    assert (np.abs(changed - images()).max((1, 2, 3)) > 0.02).all()
    assert changed.min() >= -1 and changed.max() <= 1 + 1e-6


def test_works_in_a_graph_of_unknown_sizes():
    traced = tf.function(
        lambda x, u: jitter.colour_jitter(x, u, 0.8, 0.2),
        input_signature=[
            tf.TensorSpec([None, None, None, 3]),
            tf.TensorSpec([None, jitter.UNIFORMS]),
        ],
    )
    uniforms = np.random.default_rng(3).random([6, jitter.UNIFORMS], np.float32)
    expected = jitter.colour_jitter(images(), uniforms, 0.8, 0.2)
    np.testing.assert_allclose(traced(images(), uniforms), expected, atol=1e-6)
