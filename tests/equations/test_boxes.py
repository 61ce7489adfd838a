"""CutMix: boxes and pasting."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import box_mask, paste

ALMOST_1 = np.nextafter(np.float32(1), np.float32(0))


def draws(count, seed=0):
    """Return float32 [count, 3], as a training step draws them."""
    return np.random.default_rng(seed).random([count, 3], np.float32)


def sides(masks):
    """Return heights and widths, having checked that every mask is one box."""
    rows, columns = masks.max(-1), masks.max(-2)
    np.testing.assert_array_equal(masks, rows[..., :, None] * columns[..., None, :])
    for line in (rows, columns):
        starts = np.diff(line, prepend=0, append=0) == 1
        np.testing.assert_array_equal(starts.sum(-1), 1)
    return rows.sum(-1), columns.sum(-1)


def test_box_of_known_numbers():
    """Half as high as the image and as wide, and the other way round."""
    masks = box_mask([[ALMOST_1, 0.7, 0.2], [0, 0.7, 0.2], [0.5, 0.4, 0.5]], 4, 4)
    # 4 * sqrt(1/2) is 3 pixels: two places, the first up to 0.5.
    expected = [
        [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]],
        [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]],
        [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
    ]
    np.testing.assert_array_equal(masks, expected)


@pytest.mark.parametrize("area", [0.5, 0.2])
def test_boxes_have_the_area_and_all_aspect_ratios(area):
    """Logarithms of the relative height are spread evenly from that of area to 0."""
    height, width = 321, 200
    found = [  # not all at once, which takes gigabytes
        sides(box_mask(each, height, width, area).numpy())
        for each in np.split(draws(2000), 20)
    ]
    tall, wide = np.concatenate(found, axis=-1)
    np.testing.assert_allclose(tall * wide / (height * width), area, rtol=0.02)
    spread = np.sort(np.log(tall / height) / np.log(area))
    np.testing.assert_allclose(spread, np.linspace(0, 1, 2000), atol=0.04)


def test_boxes_are_at_every_place_equally_often():
    """Edges included, which rounding the corner would reach half as often."""
    uniforms = draws(9000)
    uniforms[:, 0] = 0.5  # 3 of 4 rows and 5 of 7 columns, hence 2 * 3 places
    masks = box_mask(uniforms, 4, 7).numpy()
    corners = [tuple(np.argwhere(mask)[0]) for mask in masks]
    counts = {corner: corners.count(corner) for corner in set(corners)}
    assert set(counts) == {(row, column) for row in range(2) for column in range(3)}
    np.testing.assert_allclose(list(counts.values()), 1500, rtol=0.1)


@pytest.mark.parametrize("size", [5, 65, 321, 513])
@pytest.mark.parametrize("uniform", [0.0, ALMOST_1, 0.999999999])
def test_boxes_at_the_ends_lie_within_the_picture(size, uniform):
    """The last number is below 1 in float64, but not in float32."""
    mask = box_mask([0.5, uniform, uniform], size, size).numpy()
    assert sides(mask) == (round(size * 0.5**0.5),) * 2
    assert mask[(0, 0) if uniform == 0 else (-1, -1)] == 1


def test_a_box_of_everything():
    """An area of 1 leaves no choice."""
    np.testing.assert_array_equal(box_mask(draws(5), 3, 4, 1.0), np.ones([5, 3, 4]))


def test_a_box_of_an_unknown_picture():
    """Height and width may be tensors, as of images of any size."""
    place = [0.5, 0.9, 0.3]

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def box_for(picture):
        return box_mask(place, tf.shape(picture)[0], tf.shape(picture)[1])

    for size in ([4, 7], [9, 5]):
        np.testing.assert_array_equal(box_for(np.zeros(size)), box_mask(place, *size))


def test_a_box_has_no_gradient():
    """It is a number that was drawn."""
    uniforms = tf.constant(draws(3))
    with tf.GradientTape() as tape:
        tape.watch(uniforms)
        total = tf.reduce_sum(box_mask(uniforms, 8, 8))
    assert tape.gradient(total, uniforms) is None


@pytest.mark.parametrize("area", [0.0, 1.5, float("nan")])
def test_a_box_refuses_an_area_out_of_range(area):
    """Nothing, more than the image, no number."""
    with pytest.raises(ValueError, match="area must be above 0 and at most 1"):
        box_mask([0.5, 0.5, 0.5], 4, 4, area)


@pytest.mark.parametrize("shape", [[], [2], [3, 4]])
def test_a_box_needs_three_numbers(shape):
    """Four would be ignored silently."""
    with pytest.raises(ValueError, match=r"uniforms must have shape \[..., 3\]"):
        box_mask(np.zeros(shape), 4, 4)


def test_pasting_takes_exact_values():
    """0.1 + (0.7 - 0.1) would be another number in float32."""
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(size=[2, 5, 8, 8, 3]).astype(np.float32)
    mask = box_mask(draws(5), 8, 8).numpy()
    pasted = paste(mask, inside, outside).numpy()
    np.testing.assert_array_equal(pasted[mask == 1], inside[mask == 1])
    np.testing.assert_array_equal(pasted[mask == 0], outside[mask == 0])


def test_pasting_passes_gradients_to_where_they_came_from():
    """Each side learns from its own pixels."""
    inside, outside = tf.zeros([2, 4, 4, 3]), tf.zeros([2, 4, 4, 3])
    mask = box_mask(draws(2), 4, 4)
    with tf.GradientTape() as tape:
        tape.watch([inside, outside])
        pasted = paste(mask, inside, outside)
    gradients = tape.gradient(pasted, [inside, outside])
    pixels = np.repeat(mask.numpy()[..., None], 3, axis=-1)
    np.testing.assert_array_equal(gradients[0], pixels)
    np.testing.assert_array_equal(gradients[1], 1 - pixels)


@pytest.mark.parametrize(
    "mask, outside, message",
    [
        ([2, 4, 5], [2, 4, 4, 3], "outside must have the shape of inside"),
        ([2, 4, 4], [2, 4, 5, 3], "mask must have the shape of a pixel of inside"),
        ([2, 4], [2, 4, 5, 3], "mask must have the shape of a pixel of inside"),
        ([2, 4, 5, 3], [2, 4, 5, 3], "mask must have the shape of a pixel of inside"),
    ],
)
def test_pasting_broadcasts_nothing(mask, outside, message):
    """Neither one image for many nor one channel for all."""
    with pytest.raises(ValueError, match=message):
        paste(np.zeros(mask), np.zeros([2, 4, 5, 3]), np.zeros(outside))
