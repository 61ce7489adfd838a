"""The checks on entry: what they let pass and what they say."""

import pytest
import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def test_same_shape_names_what_differs():
    """The message tells both names and both shapes."""
    with pytest.raises(ValueError, match=r"mask .* values, \(3,\), got \(3, 1\)"):
        require_same_shape(values=tf.zeros([3]), mask=tf.zeros([3, 1]))


def test_same_shape_looks_at_every_tensor():
    """The third is compared with the first too."""
    with pytest.raises(ValueError, match="c must"):
        require_same_shape(a=tf.zeros([3]), b=tf.zeros([3]), c=tf.zeros([4]))


def test_same_shape_allows_sizes_that_are_not_known_yet():
    """An unknown batch size fits any; an unknown rank fits all."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3]),
            tf.TensorSpec([8, None]),
            tf.TensorSpec(None),
        ]
    )
    def passes(a, b, c):
        require_same_shape(a=a, b=b, c=c)
        require_rank(2, 2, a=a, b=b, c=c)
        return a

    assert passes.get_concrete_function()


@pytest.mark.parametrize(
    ("low", "high", "wanted"), [(2, None, "at least 2"), (0, 0, "0"), (2, 3, "2 to 3")]
)
def test_rank_outside_the_limits(low, high, wanted):
    """The message tells the limits and the shape."""
    with pytest.raises(ValueError, match=rf"x must have rank {wanted}, got .*\(5,\)"):
        require_rank(low, high, x=tf.zeros([5]))


def test_rank_at_the_limits():
    """Both limits are included, and None is no limit."""
    require_rank(2, 3, x=tf.zeros([1, 1]), y=tf.zeros([1, 1, 1]))
    require_rank(1, x=tf.zeros([1, 1, 1, 1, 1]))
