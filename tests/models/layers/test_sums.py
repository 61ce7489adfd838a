"""Sums of two convolutions that share no gradient, and networks that have some."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.models.layers.sums import Add, added
from mixdmt_tf.models.wide_resnet import WideResNet


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("traced", [False, True])
def test_value_and_gradients_are_those_of_a_sum(traced):
    """The gradient can be differentiated again."""
    terms = [tf.constant(normal(2, 3, seed=seed)) for seed in range(2)]

    def run(*terms):
        with tf.GradientTape() as outer:
            outer.watch(terms)
            with tf.GradientTape() as tape:
                tape.watch(terms)
                cubes = added(*terms) ** 3
            first = tape.gradient(cubes, terms)
        return cubes, first, outer.gradient(first, terms)

    cubes, first, second = (tf.function(run) if traced else run)(*terms)

    total = (terms[0] + terms[1]).numpy()
    np.testing.assert_allclose(cubes, total**3, rtol=1e-5)
    for gradient, again in zip(first, second):
        np.testing.assert_allclose(gradient, 3 * total**2, rtol=1e-5)
        np.testing.assert_allclose(again, 2 * 6 * total, rtol=1e-5)


def upstream_gradients(add, dtype):
    """Of the kernels of two convolutions that are added up, as TensorFlow names them.

    Those of the graph that is executed: what it takes for the same has one name.
    """
    fed = {}

    def given(*shape):
        """What is not known when the graph is optimized."""
        tensor = tf.compat.v1.placeholder(tf.float32, shape)
        fed[tensor] = normal(*shape, seed=len(fed))
        return tf.cast(tensor, dtype)

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        images = given(2, 4, 4, 3)
        kernels = [given(1, 1, 3, 5) for _ in range(2)]
        biases = [given(5) for _ in range(2)]
        terms = [
            tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, "SAME"), bias)
            for kernel, bias in zip(kernels, biases)
        ]
        loss = tf.reduce_sum(tf.cast(add(*terms), tf.float32) ** 2)
        noted = tf.compat.v1.RunMetadata()
        session.run(
            tf.gradients(loss, kernels + biases),
            fed,
            options=tf.compat.v1.RunOptions(output_partition_graphs=True),
            run_metadata=noted,
        )
    return [
        node.input[2]
        for graph in noted.partition_graphs
        for node in graph.node
        if "Conv2DBackpropFilter" in node.op
    ]


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_two_convolutions_have_a_gradient_each(dtype):
    one, other = upstream_gradients(added, dtype)
    assert one != other
    one, other = upstream_gradients(tf.add, dtype)  # what that is needed for
    assert one == other


def test_sums_of_convolutions_with_biases_are_of_this_kind():
    model = WideResNet(10, 1).build((8, 8, 3), 2)
    biased = {
        id(layer.output)
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.use_bias
    }
    sums = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Add)
        and sum(id(each) in biased for each in layer.input) > 1
    ]
    assert sums and {type(each) for each in sums} == {Add}
