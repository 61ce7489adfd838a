"""Rounds in which two networks pick pseudo labels for each other.

Methods for noisy labels as alternatives to DMT's weights (Dynamic Mutual Training,
arXiv:2004.08514, section 2.2 and figure 3): the pseudo labels of a round are the noisy
labels. Batches, mixup, augmentation, optimizer and rounds are DMT's, so that only the
rule differs. Both networks start from new weights in each round. The first one is
evaluated, and predicts the pseudo labels of the next round.

Other differences from the papers: the losses are divided by all rows of a batch as in
DMT's Eq. 10 and not by the number of selected ones, labelled images are always used,
and the selection uses predictions for images before mixup.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import classification_rounds
from mixdmt_tf.algorithms.parts.terms import own_rows, rows_of_all
from mixdmt_tf.equations import (
    cross_entropy,
    disagreement_mask,
    linear_ramp,
    small_loss_mask,
)
from mixdmt_tf.settings import setting

Pair = Tuple[tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Forgetting:
    """Settings of the share of labels left out: 1 - R(t) = min(t / T_k, 1) tau."""

    noise_rate: Optional[float] = setting(
        None,
        "tau, share of wrong pseudo labels; default: estimated in each round",
        low=0.0,
        high=1.0,
    )
    noise_from: str = setting(
        "validation",
        "estimate of noise_rate; validation: the error on validation images that are "
        "as confident as the kept labels; confidence: 1 - their mean confidence, "
        "calibrated on the validation images or, without any, on the labelled ones, "
        "which the network was trained on",
        choices=("validation", "confidence"),
    )
    forget_ramp: float = setting(
        0.05,
        "T_k, share of a round over which the share of labels that are left out grows "
        "linearly from 0 to noise_rate (10 of 200 epochs)",
        low=0.0,
        high=1.0,
    )


class PeerRound(classification_rounds.Round):
    """Base class of one round of two networks; a method implements `choose`."""

    has_peer = True
    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "loss_x_peer",
        "loss_u_peer",
        "differ",
        "weight",
        "weight_right",
        "weight_wrong",
    )

    def choose(self, step: tf.Tensor, losses: Pair, differ: tf.Tensor) -> Pair:
        """Selects the pseudo labels for the network and for the peer.

        Args:
            step: step of the round, int64 [].
            losses: losses of the network and of the peer on the pseudo labels of all
                replicas, float32 [m] each.
            differ: float32 [m], 1 where they predict different classes.

        Returns:
            Masks float32 [m] of zeros and ones, for the network and for the peer.
        """
        raise NotImplementedError

    def forget(self, step: tf.Tensor) -> tf.Tensor:
        """Returns 1 - R(t), the share left out at a step; needs `Forgetting`."""
        config: Any = self.config
        tau = self.facts.noise_rate if config.noise_rate is None else config.noise_rate
        return tau * linear_ramp(step, round(config.forget_ramp * self.facts.steps))

    def weigh(
        self, batch: Dict[str, tf.Tensor], images: tf.Tensor, labels: tf.Tensor
    ) -> Tuple[tf.Tensor, Any, Dict[str, base.Reported]]:
        """As `Round.weigh`, but returns two weights: for the network and the peer."""
        number = tf.shape(labels)[0]
        one, other = (
            tf.stop_gradient(network(images, training=True)[-number:])
            for network in (self.network, self.peer)
        )
        losses = cross_entropy(labels, one), cross_entropy(labels, other)
        differ = disagreement_mask(one, other)
        first, second = self.choose(
            batch["step"],
            (rows_of_all(losses[0]), rows_of_all(losses[1])),
            rows_of_all(differ),
        )
        weights = own_rows(first, number), own_rows(second, number)
        reports = classification_rounds.weight_reports(weights[0], batch)
        return labels, weights, {"differ": differ, **reports}

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes the losses of both networks on the labels selected for each."""
        images, labels = self.given(batch)
        targets, (first, second), reports = self.weigh(batch, images, labels)
        terms: Dict[str, base.Term] = {}
        for suffix, network, weights in (
            ("", self.network, first),
            ("_peer", self.peer, second),
        ):
            found = self.learn(network, batch, images, targets, weights)
            terms.update({name + suffix: term for name, term in found.items()})
        return terms, reports


def pick(losses: Pair, candidates: tf.Tensor, forget: tf.Tensor) -> Pair:
    """Selects for each network the candidates [m] with small losses of the other."""
    own, peers = losses
    return (
        small_loss_mask(peers, candidates, forget),
        small_loss_mask(own, candidates, forget),
    )
