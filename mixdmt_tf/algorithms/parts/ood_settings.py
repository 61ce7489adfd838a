"""Settings of the out-of-distribution mask of RealMix (section 3.4)."""

from __future__ import annotations

import dataclasses
from typing import Union

from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the mask; the paper's are the defaults."""

    ood_rate: Union[float, str, None] = setting(
        None,
        "mu, share of the unlabelled rows that is masked as out of distribution, "
        "section 3.4; 0: no mask; auto: estimated before the first step; default: the "
        "level of --mismatch, at most .9",
        low=0.0,
        high=0.999,
        words=("auto",),
    )
    ood_score: str = setting(
        "softmax",
        "what the mask ranks rows by; softmax, max_logit, energy, margin: of the "
        "logits; knn, mahalanobis, subspace: features beside those of the labelled "
        "images; domain: small networks that tell labelled from unlabelled images; "
        "frozen: features of the pretrained network before it is trained; oracle: the "
        "hidden truth, to see what a mask could gain (that is cheating)",
        choices=(
            "softmax",
            "max_logit",
            "energy",
            "margin",
            "knn",
            "mahalanobis",
            "subspace",
            "domain",
            "frozen",
            "oracle",
        ),
    )
    ood_confidence: str = setting(
        "mixed",
        "which logits are ranked; mixed: of the mixed-up rows (the release); guess: of "
        "the views that the label is guessed from",
        choices=("mixed", "guess"),
    )
    ood_percentile: str = setting(
        "device",
        "whose rows mu is a share of; device: those of each device; batch: of all "
        "devices together, so that their number does not matter",
        choices=("device", "batch"),
    )
    ood_mean: str = setting(
        "kept",
        "over which rows the unlabelled loss is averaged; kept: those that the mask "
        "keeps, so that the fewer they are, the more each counts (the release); all: "
        "all of them, masked ones counting as 0",
        choices=("kept", "all"),
    )
    ood_layer: str = setting(
        "",
        "name of the layer whose output are the features of knn, mahalanobis, subspace "
        "and frozen, averaged over pixels; default: what the last layer is given",
    )
    ood_scores_from: str = setting(
        "",
        "finished run, such as one of labels alone, whose network gives the score "
        "once, before the first step, without being where this run's network begins; "
        "not of domain and oracle",
    )
    ood_scores: str = setting(
        "",
        "an ood_scores.npz of another run, used instead of finding fixed scores and "
        "their rate anew",
        harmless=True,  # as a path: checkpoints have what it holds
    )
