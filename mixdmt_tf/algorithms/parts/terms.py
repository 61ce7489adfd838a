"""Terms of a loss, and their means over the rows of all replicas."""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Optional, Tuple, Union

import tensorflow as tf

from mixdmt_tf.algorithms.parts.groups import NETWORK
from mixdmt_tf.equations import masked_mean


@dataclasses.dataclass(frozen=True)
class Term:
    """One term of a loss: values per row, a mask of rows, and a weight.

    The training step takes the mean over the rows that count, on all replicas together.

    Attributes:
        values: float32 [n], or [n, h, w] for segmentation, where each pixel is a row.
        mask: float32 of zeros and ones, in the shape of `values`; None for all rows.
        weight: the factor of this term in the total loss.
        over_all: take the mean over all rows instead, with masked rows as 0, as methods
            with a confidence threshold do.
        group: group of the weights that it trains, a name of `Algorithm.groups`.
    """

    values: tf.Tensor
    mask: Optional[tf.Tensor] = None
    weight: Union[float, tf.Tensor] = 1.0
    over_all: bool = False
    group: str = NETWORK


def mean_over_replicas(term: Term) -> tf.Tensor:
    """Returns this replica's share of a term's mean over the rows of all replicas.

    The shares of all replicas add up to sum(mask * values) / max(sum(mask), 1), or to
    sum(mask * values) / rows if the term is `over_all`, and so do their gradients,
    which optimizers sum.
    """
    mask = tf.ones_like(term.values) if term.mask is None else term.mask
    return masked_mean(term.values, mask, _rows(term))


def _rows(term: Term) -> tf.Tensor:
    """Returns the denominator of a term's mean: rows of all replicas, float32 []."""
    every = term.over_all or term.mask is None
    counted = tf.ones_like(term.values) if every else term.mask
    return tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.SUM, tf.stop_gradient(tf.reduce_sum(counted))
    )


def by_count(terms: Dict[str, Term]) -> List[Tuple[Dict[str, Term], tf.Tensor]]:
    """Groups the terms of a part of a batch by the denominator of their mean.

    The denominator is the number of rows that a mask keeps, which differs between the
    parts. Means over all rows have the same denominator in all parts, so each part
    counts once.

    Args:
        terms: terms by name; terms with the same mask must share the same tensor.

    Returns:
        Terms by name, with their number of rows that count on all replicas, float32 [].
    """
    shares: Dict[int, Tuple[Dict[str, Term], tf.Tensor]] = {}
    for name, term in terms.items():
        mask = None if term.over_all else term.mask
        if id(mask) not in shares:
            shares[id(mask)] = {}, tf.constant(1.0) if mask is None else _rows(term)
        shares[id(mask)][0][name] = term
    return [*shares.values()]


def counted(
    terms: Dict[str, Term], batch: Dict[str, tf.Tensor], weighed: bool
) -> Dict[str, Term]:
    """Applies the label weights of the batch, and masks unknown labels.

    Args:
        terms: terms by name. Names of terms with labels begin with 'loss_x', and their
            first rows are the labelled ones.
        batch: batch of the step.
        weighed: whether the terms include the label weights already.
    """
    labels = batch.get("y")
    if labels is not None and len(labels.shape) == 2:  # multi-label images
        terms = known_labels(terms, labels)
    if "x_weight" in batch and not weighed:
        terms = weighted_labels(terms, batch["x_weight"])
    return terms


def weighted_labels(terms: Dict[str, Term], weights: tf.Tensor) -> Dict[str, Term]:
    """Multiplies each labelled row by the weight of its image.

    The denominator stays the number of rows that count, not the sum of their weights:
    an image then counts the same whatever other images are in its batch, on one replica
    and on several, and the mean over batches is the weighted mean over images.

    Args:
        terms: terms by name. Names of terms with labels begin with 'loss_x', and their
            first rows are the labelled ones.
        weights: float32 [b], weights of the labelled images of the batch. A mixed row
            has the weight of its own image, the larger part of the mixture.
    """
    return {
        name: _weighted(term, weights) if name.startswith("loss_x") else term
        for name, term in terms.items()
    }


def known_labels(terms: Dict[str, Term], labels: tf.Tensor) -> Dict[str, Term]:
    """Masks the unknown labels of multi-label images.

    Args:
        terms: terms by name; names of terms with labels begin with 'loss_x'.
        labels: int32 [b, L], -1 where unknown.
    """
    known = tf.cast(labels >= 0, tf.float32)
    return {
        name: dataclasses.replace(
            term, mask=known if term.mask is None else known * term.mask
        )
        if name.startswith("loss_x")
        else term
        for name, term in terms.items()
    }


def _weighted(term: Term, weights: tf.Tensor) -> Term:
    others = tf.shape(term.values)[0] - tf.shape(weights)[0]  # rows without labels
    weights = tf.pad(weights, [[0, others]], constant_values=1.0)
    per_value = tf.ones(tf.rank(term.values) - 1, tf.int32)  # of [n, ...]
    weights = tf.reshape(weights, tf.concat([[-1], per_value], 0))
    return dataclasses.replace(term, values=weights * term.values)


def mean_of_all(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the mean over the rows of all replicas, the same on each of them.

    Args:
        values: float32, values of this replica's rows.
        mask: float32 in the same shape, which rows count.

    Returns:
        float32 [], 0 if no row counts; without gradient.
    """
    sums = tf.stack([tf.reduce_sum(mask * values), tf.reduce_sum(mask)])
    total, rows = tf.unstack(
        tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, tf.stop_gradient(sums)
        )
    )
    return total / tf.maximum(rows, 1.0)


def mean_row(values: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Returns the mean row of all replicas, the same on each, with its gradient.

    Args:
        values: float32 [n, F], rows of this replica.
        counts: float32 [n] of zeros and ones, which rows count.

    Returns:
        float32 [F], 0 if no row counts.
    """
    context = tf.distribute.get_replica_context()
    total, rows = context.all_reduce(
        tf.distribute.ReduceOp.SUM,
        [tf.reduce_sum(values * counts[:, None], 0), tf.reduce_sum(counts)],
    )
    return total / tf.maximum(rows, 1.0)


def rows_of_all(values: tf.Tensor) -> tf.Tensor:
    """Gathers the rows of all replicas in one tensor, the same on each of them.

    Args:
        values: float32 [n, ...], rows of this replica.

    Returns:
        float32 [n replicas, ...], without gradient.
    """
    context = tf.distribute.get_replica_context()
    return tf.stop_gradient(context.all_gather(tf.stop_gradient(values), axis=0))


def own_rows(values: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Returns this replica's part of the rows from `rows_of_all`, or of their mask.

    Args:
        values: [number replicas, ...].
        number: number of rows of each replica, int32 [].
    """
    context = tf.distribute.get_replica_context()
    first = tf.cast(context.replica_id_in_sync_group, tf.int32) * number
    return values[first : first + number]
