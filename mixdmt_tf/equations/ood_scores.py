"""Out-of-distribution scores: larger means that an image looks more like the classes.

RealMix (arXiv:1912.08766) section 3.4 ranks unlabelled images by their largest
probability. Other scores are from other papers. All take logits or features, and return
one number per image, float32 and stop-gradiented.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank


def largest_probability(logits: tf.Tensor) -> tf.Tensor:
    """Return max_c p_c with p = softmax(logits), RealMix section 3.4.

    Args:
        logits: [..., C], any float type.

    Returns:
        [...] float32 in [1/C, 1].

    Raises:
        ValueError: when logits is a scalar.
    """
    probs = tf.nn.softmax(_float32(logits=logits))
    return tf.stop_gradient(tf.reduce_max(probs, axis=-1))


def probability_margin(logits: tf.Tensor) -> tf.Tensor:
    """Return the largest probability minus the second largest.

    Args:
        logits: [..., C] with C of 2 or more, any float type.

    Returns:
        [...] float32 in [0, 1].

    Raises:
        ValueError: when logits is a scalar.
    """
    top = tf.math.top_k(tf.nn.softmax(_float32(logits=logits)), 2).values
    return tf.stop_gradient(top[..., 0] - top[..., 1])


def largest_logit(logits: tf.Tensor) -> tf.Tensor:
    """Return max_c z_c (Hendrycks et al. 2022, arXiv:1911.11132, 'MaxLogit').

    Args:
        logits: z [..., C], any float type.

    Returns:
        [...] float32.

    Raises:
        ValueError: when logits is a scalar.
    """
    return tf.stop_gradient(tf.reduce_max(_float32(logits=logits), axis=-1))


def negative_energy(logits: tf.Tensor) -> tf.Tensor:
    """Return log sum_c exp z_c (Liu et al. 2020, arXiv:2010.03759, with T = 1).

    Args:
        logits: z [..., C], any float type.

    Returns:
        [...] float32.

    Raises:
        ValueError: when logits is a scalar.
    """
    return tf.stop_gradient(tf.reduce_logsumexp(_float32(logits=logits), axis=-1))


def nearest_cosine(features: tf.Tensor, references: tf.Tensor, k: int) -> tf.Tensor:
    """Return the cosine to the k-th nearest of some labelled images.

    Sun et al. 2022 (arXiv:2204.06507) use the Euclidean distance of vectors of length
    1, which gives the same order.

    Args:
        features: [n, D], any float type.
        references: [m, D] features of labelled images, any float type.
        k: which neighbour, from 1; if k is above m, the farthest.

    Returns:
        [n] float32 in [-1, 1].

    Raises:
        ValueError: when an argument is not a matrix.
    """
    x, others = _float32(2, 2, features=features, references=references)
    x, others = tf.math.l2_normalize(x, -1), tf.math.l2_normalize(others, -1)
    cosines = tf.matmul(x, others, transpose_b=True)
    nearest = tf.math.top_k(cosines, tf.minimum(k, tf.shape(others)[0])).values
    return tf.stop_gradient(nearest[:, -1])


def mahalanobis(
    features: tf.Tensor, references: tf.Tensor, labels: tf.Tensor, num_classes: int
) -> tf.Tensor:
    """Return -min_c (f - m_c)^T S^-1 (f - m_c) with the classes' means m_c.

    Lee et al. 2018 (arXiv:1807.03888). With few labelled images the covariance within
    the classes has no inverse, so S is the mean of it and of a spherical covariance of
    the same trace. With one image per class the covariance is 0 and S spherical: the
    score is then the Euclidean distance to the nearest image.

    Args:
        features: f [n, D], any float type.
        references: [m, D] features of labelled images, any float type.
        labels: [m] their classes, an integer type; there must be at least one.
        num_classes: C.

    Returns:
        [n] float32, 0 or less.

    Raises:
        ValueError: when features or references is not a matrix.
    """
    x, others = _float32(2, 2, features=features, references=references)
    means, there = _class_means(others, labels, num_classes)
    apart = others - tf.gather(means, labels)
    root = tf.linalg.cholesky(_half_spherical_covariance(apart))
    x, means = (_solved(root, rows) for rows in (x, means))
    squares = tf.reduce_sum((x[:, None] - means[None]) ** 2, axis=-1)
    squares = tf.where(there, squares, tf.float32.max)
    return tf.stop_gradient(-tf.reduce_min(squares, axis=-1))


def subspace(
    features: tf.Tensor, references: tf.Tensor, labels: tf.Tensor, num_classes: int
) -> tf.Tensor:
    """Return norm(P f) / norm(f), the cosine to the span of the classes' means.

    ProSub (Wallin, Svensson, Kahl and Hammarstrand 2024, arXiv:2407.11735): P projects
    on the subspace that the class means span.

    Args:
        features: f [n, D], any float type.
        references: [m, D] features of labelled images, any float type.
        labels: [m] their classes, an integer type.
        num_classes: C, at most D.

    Returns:
        [n] float32 in [0, 1]; 0 for features that are all 0.

    Raises:
        ValueError: when features or references is not a matrix.
    """
    x, others = _float32(2, 2, features=features, references=references)
    means, _ = _class_means(others, labels, num_classes)
    # Means that are linearly dependent, or 0, span fewer than C dimensions.
    sizes, _, directions = tf.linalg.svd(means)
    spanned = tf.cast(sizes > 1e-5 * tf.reduce_max(sizes), tf.float32)
    within = tf.norm(tf.matmul(x, directions) * spanned, axis=-1)
    return tf.stop_gradient(tf.math.divide_no_nan(within, tf.norm(x, axis=-1)))


def _class_means(
    references: tf.Tensor, labels: tf.Tensor, num_classes: int
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Return means [C, D], 0 for classes without images, and a mask of the others."""
    sums = tf.math.unsorted_segment_sum(references, labels, num_classes)
    ones = tf.ones_like(labels, tf.float32)
    counts = tf.math.unsorted_segment_sum(ones, labels, num_classes)
    return tf.math.divide_no_nan(sums, counts[:, None]), counts > 0


def _half_spherical_covariance(apart: tf.Tensor) -> tf.Tensor:
    """Return the mean of the rows' covariance and a spherical one of the same trace."""
    count, size = tf.unstack(tf.cast(tf.shape(apart), tf.float32))
    within = tf.matmul(apart, apart, transpose_a=True) / count
    radius = tf.linalg.trace(within) / size
    radius = tf.where(radius > 0, radius, 1.0)  # otherwise it has no inverse
    return 0.5 * within + 0.5 * radius * tf.eye(tf.shape(apart)[1])


def _solved(root: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Return R^-1 x for rows x [n, D] and a lower triangular R [D, D]."""
    found = tf.linalg.triangular_solve(root, tf.transpose(rows), lower=True)
    return tf.transpose(found)


def _float32(low: int = 1, high: Optional[int] = None, **tensors: tf.Tensor) -> Any:
    """Check the ranks and return the tensors as float32; a single one not in a list."""
    require_rank(low, high, **{n: tf.convert_to_tensor(x) for n, x in tensors.items()})
    cast = [tf.cast(x, tf.float32) for x in tensors.values()]
    return cast if len(cast) > 1 else cast[0]
