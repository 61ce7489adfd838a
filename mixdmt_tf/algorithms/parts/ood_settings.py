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
        "what the mask ranks rows by; softmax, max_logit, energy, margin: the logits; "
        "knn, mahalanobis, subspace: features, compared with those of the labelled "
        "images; domain: small networks that tell labelled from unlabelled images; "
        "frozen: features of the pretrained network before it is trained; oracle: the "
        "hidden truth, to see what a perfect mask could gain (that is cheating)",
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
        "which rows mu is a share of; device: those of each device; batch: those of "
        "all devices together, so that the number of devices does not matter",
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
        "name of the layer whose outputs are the features of knn, mahalanobis, "
        "subspace and frozen, averaged over pixels; default: the input of the last "
        "layer",
    )
    ood_scores_from: str = setting(
        "",
        "finished run, such as one on labels alone, whose network computes the scores "
        "once, before the first step; this run's own network does not start from it; "
        "not for domain and oracle",
    )
    ood_scores: str = setting(
        "",
        "an ood_scores.npz of another run, used instead of computing fixed scores and "
        "their rate again",
        harmless=True,  # as a path: checkpoints have what it holds
    )
