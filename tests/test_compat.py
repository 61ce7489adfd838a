"""The seam between two Keras versions, on one device."""

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat

SCALE = 8.0


def sgd():
    return keras.optimizers.SGD(0.5)


def loss_scaling():
    """SGD as the mixed_float16 policy wraps it, with a small scale."""
    if compat.KERAS_3:
        return keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=SCALE)
    return keras.mixed_precision.LossScaleOptimizer(sgd(), initial_scale=SCALE)


def layer():
    """A layer with the weights [[1], [2]] and [0]."""
    dense = keras.layers.Dense(1)
    dense.build((None, 2))
    dense.set_weights([np.array([[1.0], [2.0]]), np.array([0.0])])
    return dense


def test_keras_3_is_told_from_keras_2():
    assert compat.KERAS_3 == (int(keras.__version__.split(".")[0]) >= 3)


def test_tf_variable_is_the_weight_itself():
    """Assigning to it is what the layer sees."""
    dense = layer()
    variables = [compat.tf_variable(weight) for weight in dense.weights]

    assert all(isinstance(variable, tf.Variable) for variable in variables)
    variables[1].assign([3.0])
    np.testing.assert_array_equal(dense(np.ones([1, 2])), [[6.0]])


def test_a_plain_optimizer_leaves_the_loss_alone():
    loss = tf.constant(1.5)

    assert not compat.is_loss_scaling(sgd())
    assert compat.scale_loss(sgd(), loss) is loss


def test_a_scaling_optimizer_scales_the_loss():
    optimizer = loss_scaling()
    optimizer.build(layer().trainable_variables)

    assert compat.is_loss_scaling(optimizer)
    assert compat.scale_loss(optimizer, tf.constant(1.5)) == 1.5 * SCALE


def test_whether_a_model_is_compiled():
    images = keras.Input((2,))
    model = keras.Model(images, keras.layers.Dense(1)(images))

    assert not compat.is_compiled(model)
    model.compile(sgd(), "mse")
    assert compat.is_compiled(model)


def test_what_has_no_memory_gets_none_later():
    """Keras 3 remembers what has no value yet, for the end of any other scope."""
    with compat.without_memory():
        looked_at = layer_of_some_shape()
    made = layer_of_some_shape()

    assert not has_memory(looked_at.kernel)
    assert has_memory(made.kernel)


def layer_of_some_shape():
    """A built layer, before one whose output's shape Keras 3 finds by tracing it."""
    images, dense = keras.Input([2]), keras.layers.Dense(1)
    Traced()(dense(images))
    return dense


class Traced(keras.layers.Layer):
    """A layer that does not say what shape its output has."""

    def call(self, inputs):
        return inputs


def has_memory(weight):
    """Whether a weight has a value."""
    if compat.KERAS_3:
        return weight._value is not None
    return "Uninitialized" not in type(weight).__name__
