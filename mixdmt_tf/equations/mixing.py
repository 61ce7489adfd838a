"""Mixing examples: MixUp of pairs, and the interleaving of whole batches.

No random numbers are drawn here: the caller draws lam and picks the partners.
"""

from __future__ import annotations

from typing import Sequence

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_same_shape


def mix(own: tf.Tensor, partner: tf.Tensor, lam: float | tf.Tensor) -> tf.Tensor:
    """Return lam' * own + (1 - lam') * partner with lam' = max(lam, 1 - lam).

    RealMix Eq. 4 to 7 (section 3.3), which is MixMatch Eq. 8 to 11 (arXiv:1905.02249).
    Called once for images and once for their labels with the same lam, drawn from
    Beta(alpha, alpha). It differs from MixUp (arXiv:1710.09412) in lam': every mixture
    stays nearer to its own example, so that mixtures in a labelled batch belong to the
    labelled loss although partners come from both sets.

    Nothing is stop-gradiented; guessed targets arrive stopped from `sharpen`, and a
    caller who wants a gradient through others gets it.

    Args:
        own: [B, ...] images or labels, any number type.
        partner: [B, ...], of own's shape.
        lam: [B], one for each example, or a scalar; in [0, 1]. Axes that lam lacks are
            added at the end, so [B, H, W] for each pixel of [B, H, W, C] works too.

    Returns:
        [B, ...] float32.

    Raises:
        ValueError: when own and partner differ in shape, or lam's axes are not own's
            first ones.
    """
    lam = tf.cast(lam, tf.float32)
    return interpolate(own, partner, tf.maximum(lam, 1 - lam))


def interpolate(
    own: tf.Tensor, partner: tf.Tensor, lam: float | tf.Tensor
) -> tf.Tensor:
    """Return lam * own + (1 - lam) * partner.

    MixUp as published (arXiv:1710.09412, section 2): lam is any number in [0, 1], so a
    mixture may be nearer to the partner. DMT's baseline is trained with it (its
    release), while DMT itself uses the lam' of `mix`.

    Nothing is stop-gradiented.

    Args:
        own: [B, ...] images, labels or weights, any number type.
        partner: [B, ...], of own's shape.
        lam: [B], one for each example, or a scalar; in [0, 1]. Axes that lam lacks are
            added at the end.

    Returns:
        [B, ...] float32.

    Raises:
        ValueError: when own and partner differ in shape, or lam's axes are not own's
            first ones.
    """
    own, partner = tf.cast(own, tf.float32), tf.cast(partner, tf.float32)
    lam = tf.cast(lam, tf.float32)
    require_same_shape(own=own, partner=partner)
    if not lam.shape.is_compatible_with(own.shape[: lam.shape.rank]):
        raise ValueError(
            f"lam must have the first axes of own, {own.shape}, got {lam.shape}"
        )
    for _ in range(own.shape.rank - lam.shape.rank):
        lam = lam[..., tf.newaxis]
    return lam * own + (1 - lam) * partner


def interleave(batches: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Swap block g of batch g with block g of batch 0, for every g.

    MixMatch's code (libml/layers.py), which RealMix keeps; neither paper mentions it.
    It is there for batch normalisation. A training step forwards a labelled batch and K
    unlabelled ones separately, and each pass is normalised by its own statistics;
    running statistics follow the first pass only. If that one were purely labelled, the
    statistics would be those of a few hundred labelled images seen again and again, and
    labelled and unlabelled images would be normalised differently. After interleaving,
    batch 0 is a fair sample of all batches. One pass over everything would do as well,
    but with a larger batch and running statistics unlike the published ones.

    An involution: applied to the logits of the interleaved batches, it puts every row
    back in its place.

    With n batches of B rows there are n blocks of B // n rows, the last B % n blocks
    having one more. For n = 3, B = 7 (blocks of 2, 2 and 3 rows)::

        x0 x1 x2 x3 x4 x5 x6        x0 x1 u2 u3 v4 v5 v6
        u0 u1 u2 u3 u4 u5 u6   ->   u0 u1 x2 x3 u4 u5 u6
        v0 v1 v2 v3 v4 v5 v6        v0 v1 v2 v3 x4 x5 x6

    Nothing is stop-gradiented.

    Args:
        batches: n tensors [B, ...] of one shape and one dtype; the labelled one first.

    Returns:
        n tensors [B, ...] with the dtype of the input: rows move, nothing is computed.

    Raises:
        ValueError: when there is no batch, or the shapes differ.
    """
    if not batches:
        raise ValueError("interleave needs at least one batch, got none")
    batches = [tf.convert_to_tensor(batch) for batch in batches]
    require_same_shape(**{f"batches[{i}]": batch for i, batch in enumerate(batches)})
    n, rows = len(batches), tf.shape(batches[0])[0]
    sizes = rows // n + tf.cast(tf.range(n) >= n - rows % n, tf.int32)
    blocks = [tf.split(batch, sizes, num=n) for batch in batches]
    mixed = [[blocks[g][g] for g in range(n)]]
    for g in range(1, n):
        mixed.append(blocks[g][:g] + [blocks[0][g]] + blocks[g][g + 1 :])
    return [tf.concat(row, axis=0) for row in mixed]
