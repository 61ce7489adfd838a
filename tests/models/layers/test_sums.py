"""Sums of convolutions that share no gradient, and networks that have some."""

import functools
import operator

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat, models
from mixdmt_tf.models import decoders
from mixdmt_tf.models.keras_application import KerasApplication
from mixdmt_tf.models.layers.sums import Add, added, shared
from mixdmt_tf.settings import modules


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("number", [2, 4])
@pytest.mark.parametrize("traced", [False, True])
def test_value_and_gradients_are_those_of_a_sum(traced, number):
    """The gradient can be differentiated again."""
    terms = [tf.constant(normal(2, 3, seed=seed)) for seed in range(number)]

    def run(*terms):
        with tf.GradientTape() as outer:
            outer.watch(terms)
            with tf.GradientTape() as tape:
                tape.watch(terms)
                sums = added(*terms)
                cubes = sums**3
            first = tape.gradient(cubes, terms)
        return sums, first, outer.gradient(first, terms)

    sums, first, second = (tf.function(run) if traced else run)(*terms)

    total = functools.reduce(operator.add, (each.numpy() for each in terms))
    np.testing.assert_array_equal(sums, total)
    for gradient, again in zip(first, second):
        np.testing.assert_allclose(gradient, 3 * total**2, rtol=1e-5)
        np.testing.assert_allclose(again, number * 6 * total, rtol=1e-5)


def upstream_gradients(add, dtype, number=2, float32=False):
    """Of the kernels of convolutions that are added up, as TensorFlow names them.

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
        kernels = [given(1, 1, 3, 5) for _ in range(number)]
        biases = [given(5) for _ in range(number)]
        terms = [
            tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, "SAME"), bias)
            for kernel, bias in zip(kernels, biases)
        ]
        if float32:
            terms = [tf.cast(each, tf.float32) for each in terms]
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


@pytest.mark.parametrize(
    "dtype, number, float32",
    [(tf.float32, 2, False), (tf.bfloat16, 2, False), (tf.bfloat16, 4, True)],
)
def test_convolutions_have_a_gradient_each(dtype, number, float32):
    """Those of bfloat16 that are added up in float32, too."""
    each = upstream_gradients(added, dtype, number, float32)
    assert len({*each}) == len(each) == number


@pytest.mark.parametrize("number", [2, 4])
def test_terms_of_other_sums_have_one(number):
    """What that is needed for."""

    def plain(*terms):
        return functools.reduce(operator.add, terms)

    each = upstream_gradients(plain, tf.bfloat16, number)
    assert len(each) == number and len({*each}) == 1


SMALL = {"deeplab_v2": {"depth": 14, "width": 4}, "wide_resnet": {"depth": 10}}
SMALL["keras_application"] = {"application": "VGG16"}
NETWORKS = [
    (name, build)
    for build in ("build", "build_segmenter")
    for name in modules("mixdmt_tf.models", build)
    if build in vars(models.network(name))  # others differ in a number
]


@pytest.mark.parametrize("name, build", NETWORKS)
def test_no_network_of_the_package_has_others(name, build):
    """Keras's application here is one without such sums."""
    network = models.network(name)(**SMALL.get(name, {}))
    with compat.without_memory():
        assert shared(getattr(network, build)((40, 40, 3), 3)) == []
    assert not network.shares_gradients


@pytest.mark.parametrize("name", decoders.NAMES)
def test_no_decoder_has_others(name):
    features = {
        stride: keras.Input((64 // stride,) * 2 + (4,)) for stride in (4, 8, 16)
    }
    with compat.without_memory():
        logits = decoders.DECODERS[name].decode(features, 3, 8, 0.9)
        assert shared(keras.Model([*features.values()], logits)) == []


def test_applications_that_have_some_say_so():
    assert KerasApplication(application="ResNet50V2").shares_gradients


def convolve(x, **settings):
    return keras.layers.Conv2D(2, 1, **settings)(x)


def nested(x):
    inner = keras.Input(x.shape[1:])
    return keras.Model(inner, keras.layers.Add(name="sum")([inner, convolve(inner)]))(x)


SUMS = {
    "a layer": lambda x: keras.layers.Add(name="sum")([convolve(x), convolve(x)]),
    "an operator": lambda x: convolve(x) + convolve(x),
    "a sum of sums": lambda x: keras.layers.Add(name="sum")(
        [keras.layers.Add()([convolve(x), x]), convolve(x)]
    ),
    "models": lambda x: keras.layers.Add(name="sum")(
        [keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Conv2D(2, 1)])(x)]
        + [convolve(x)]
    ),
}
OTHERS = {
    "ours": lambda x: Add()([convolve(x), convolve(x)]),
    "one convolution": lambda x: keras.layers.Add()([convolve(x), x]),
    "no bias": lambda x: keras.layers.Add()([convolve(x), convolve(x, use_bias=False)]),
    "ReLU": lambda x: keras.layers.Add()([convolve(x), convolve(x, activation="relu")]),
    "a model of one": nested,
}


@pytest.mark.parametrize("kind", [*SUMS, *OTHERS])
def test_sums_that_share_a_gradient_are_found(kind):
    images = keras.Input((4, 4, 2))
    after = keras.layers.ReLU()({**SUMS, **OTHERS}[kind](images))
    found = shared(keras.Model(images, after))
    assert len(found) == (kind in SUMS)
    assert kind == "an operator" or found in ([], ["sum"])
