"""Random arguments for the equations, made from a generator and a shape."""

import numpy as np


def probabilities(rng, shape):
    """Return float32 [..., C] rows that sum to 1, some of them nearly one-hot."""
    powers = np.exp(3 * rng.normal(size=shape))
    return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


def logits(rng, shape):
    """Return float32 logits of a network that is sure of some examples."""
    return (3 * rng.normal(size=shape)).astype(np.float32)


def mixed_labels(rng, shape):
    """Return float32 [..., C] labels as MixUp leaves them: one class or two."""
    one, two = (
        np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])] for _ in "ab"
    )
    lam = rng.choice([0.6, 0.9, 1.0], size=list(shape[:-1]) + [1])
    return (lam * one + (1 - lam) * two).astype(np.float32)


def labels_logits(rng, shape):
    """Return mixed labels and the logits of a network."""
    return [mixed_labels(rng, shape), logits(rng, shape)]


def pair(rng, shape):
    """Return two arrays of logits."""
    return [logits(rng, shape), logits(rng, shape)]


def steps(rng, shape):
    """Return steps of a run of 100 steps, and some beyond."""
    return [rng.integers(0, 150, size=shape)]


def masked(rng, shape):
    """Return values and a mask for them."""
    return [logits(rng, shape), rng.integers(0, 2, size=shape).astype(np.float32)]


def pasted(rng, shape):
    """Return a mask without a channel axis, and two images."""
    mask = rng.integers(0, 2, size=shape[:-1]).astype(np.float32)
    return [mask, *pair(rng, shape)]


def pseudo_labelled(rng, shape):
    """Return one-hot pseudo labels, their confidences, and probabilities.

    All probabilities are sixteenths: there are ties of every kind, and they survive
    half precision. One example in five has no label.
    """
    labels = np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    labels *= rng.random(size=[*shape[:-1], 1]) < 0.8
    confidence = rng.integers(4, 17, size=shape[:-1]) / 16
    probs = rng.multinomial(16, rng.dirichlet(np.ones(shape[-1])), size=shape[:-1]) / 16
    return [np.asarray(x, np.float32) for x in (labels, confidence, probs)]


def sixteenths(rng, shape):
    """Return two predictions each, with ties, that survive half precision."""
    chances = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    return [
        (rng.multinomial(16, chances, size=shape[:-1]) / 16).astype(np.float32)
        for _ in range(2)
    ]


def students(rng, shape):
    """Return who of two students is stable and how far each is from itself: ties."""
    stable = [rng.integers(0, 2, size=shape) for _ in range(2)]
    distances = [rng.integers(0, 4, size=shape) / 4 for _ in range(2)]
    return [np.asarray(x, np.float32) for x in stable + distances]


def with_class_means(rng, shape):
    """Return probabilities and two distributions over their classes."""
    means = [rng.dirichlet(np.ones(shape[-1])).astype(np.float32) for _ in range(2)]
    return [probabilities(rng, shape), *means]


def fairness(rng, shape):
    """Return means and histograms of classes, of which one was never predicted."""
    given = [probabilities(rng, shape) + 0.01 for _ in range(4)]
    given[3][0] = 0
    return given
