"""The out-of-distribution mask of RealMix (section 3.4), with a choice of scores.

There are three kinds of scores. Some are computed from a row's logits. Some compare its
features with the latest features of the labelled images. Some are fixed for each
unlabelled image before the first step (`fixed_scores.py`); from these the share of
strangers, images of none of the classes, can be estimated. Settings are in
`ood_settings.py`.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.parts import own_state
from mixdmt_tf.algorithms.parts.fixed_scores import FixedScores, find
from mixdmt_tf.algorithms.parts.frozen_scores import NEIGHBOURS
from mixdmt_tf.algorithms.parts.image_scores import HIGHEST_RATE
from mixdmt_tf.algorithms.parts.run_facts import RunFacts
from mixdmt_tf.algorithms.parts.terms import own_rows, rows_of_all
from mixdmt_tf.equations import (
    largest_logit,
    largest_probability,
    mahalanobis,
    nearest_cosine,
    negative_energy,
    ood_mask,
    probability_margin,
    subspace,
)
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import features
from mixdmt_tf.models.layers.normalization import frozen_statistics

OF_LOGITS = {
    "softmax": largest_probability,
    "max_logit": largest_logit,
    "energy": negative_energy,
    "margin": probability_margin,
}
OF_FEATURES = ("knn", "mahalanobis", "subspace")
FIXED = ("domain", "frozen")
# What a mask reports; the estimate and its interval only if the rate is estimated.
REPORTED = ("ood_rate", "ood_rate_estimate", "ood_rate_low", "ood_rate_high")


def score_of_features(
    name: str,
    rows: tf.Tensor,
    references: tf.Tensor,
    classes: tf.Tensor,
    num_classes: int,
) -> tf.Tensor:
    """Computes one of the scores `OF_FEATURES` for rows [n, D], float32 [n]."""
    if name == "knn":
        return nearest_cosine(rows, references, NEIGHBOURS)
    score = {"mahalanobis": mahalanobis, "subspace": subspace}[name]
    return score(rows, references, classes, num_classes)


class OodMask:
    """The mask of a step's unlabelled rows.

    Its variables are part of the method's state: they are saved in checkpoints, and are
    the same on all replicas.

    Attributes:
        rate: mu, a float; with `--ood_rate=auto` a variable, 0 until `begin`.
        estimate: with `--ood_rate=auto`, float32 [3]: the estimated share of strangers
            and its 5 and 95 % quantiles; `rate` is at most the estimate. None
            otherwise.
        scores: float32 [N], the fixed score of each unlabelled image, if the mask or
            the rate uses one; None otherwise. `fixed_score` is its name.
        kept: float32 [N], 0 for images that a fixed score masks.
        given: fixed scores for `begin` to use; None: `begin` computes them.
        references: float32 [n, D], features of the labelled images, and `classes`,
            int32 [n]; None unless the score uses them.
    """

    given: Optional[FixedScores] = None

    def __init__(self, network: keras.Model, config: Any, facts: RunFacts):
        """Creates the variables.

        Args:
            network: network of the method.
            config: settings that include those of `ood_settings.Config`.
            facts: facts about the run.

        Raises:
            UsageError: if the score is `frozen` and the network has no pretrained
                weights, if settings do not fit together, or if the network has no such
                layer.
            ValueError: if `facts` lacks the number of unlabelled images and the score
                needs it.
        """
        self.score, self.num_classes = config.ood_score, facts.num_classes
        self.of_batch = config.ood_percentile == "batch"
        self.of_images = ranks_images(config)
        given = config.ood_rate
        self.estimates = given == "auto"
        self.rate = self._rate(given, facts)
        self.scores = self.kept = self.references = self.classes = self.estimate = None
        require_fitting(config, facts)
        self.fixed_score = self.score
        if not self.of_images:
            self.fixed_score = "frozen" if facts.pretrained else "domain"
        self.extractor = None
        of_network = self.fixed and self.fixed_score == "frozen"
        if (self.asks_features or of_network) and not config.ood_scores_from:
            self.extractor = features.extractor(network, config.ood_layer)
        _require_layer_asked(config, self.fixed_score, self.fixed, self.off)
        if self.estimates:
            self.estimate = own_state.running(np.zeros(3, np.float32))
        if self.fixed and not self.off:
            if not facts.unlabeled:
                raise ValueError("fixed scores need RunFacts(unlabeled=N)")
            self.scores = own_state.running(np.zeros(facts.unlabeled, np.float32))
            self.kept = own_state.running(np.ones(facts.unlabeled, np.float32))
        if self.asks_features:
            shape = facts.labels, int(self.extractor.output_shape[-1])
            self.references = own_state.running(np.zeros(shape, np.float32))
            self.classes = own_state.running(np.zeros(shape[0], np.int32))

    def _rate(self, given: Any, facts: RunFacts) -> Any:
        if self.estimates:
            return own_state.running(np.float32(0))
        return min(facts.mismatch, HIGHEST_RATE) if given is None else float(given)

    @property
    def off(self) -> bool:
        """Whether the mask keeps all rows of any images."""
        return not self.estimates and self.rate <= 0 and self.score != "oracle"

    @property
    def fixed(self) -> bool:
        """Whether scores from before the first step are needed."""
        return self.of_images or self.estimates

    @property
    def asks_features(self) -> bool:
        """Whether rows are compared with the labelled images."""
        return self.score in OF_FEATURES and not self.of_images and not self.off

    def begin(self, pipeline: Any) -> None:
        """Computes fixed scores, the rate, and the initial features of labelled images.

        Args:
            pipeline: the run's images.
        """
        if self.scores is not None:
            if self.given is None:
                name, estimates = self.fixed_score, self.estimates
                self.given = find(name, pipeline, self.extractor, estimates)
            self._take(self.given)
        if self.asks_features:
            rows = [
                (tf.cast(self.extractor(x, training=False), tf.float32), y)
                for x, y in pipeline.labeled_images()
            ]
            self.references.assign(tf.concat([x for x, _ in rows], 0))
            self.classes.assign(np.concatenate([y for _, y in rows]))

    def _take(self, found: FixedScores) -> None:
        self.scores.assign(found.scores)
        if self.estimates:
            share = found.share
            self.rate.assign(share.rate)
            self.estimate.assign([share.estimate, share.low, share.high])
            print("\n".join(filter(None, [found.note, share.describe()])), flush=True)
        if self.of_images:
            # With the rate as a float32 tensor, the mask could keep another number of
            # images than rounds label.
            rate = found.share.rate if self.estimates else self.rate
            self.kept.assign(ood_mask(tf.constant(found.scores), rate))

    def reports(self) -> Dict[str, Any]:
        """Returns the rate and, with `--ood_rate=auto`, the estimate: `REPORTED`."""
        rate = tf.convert_to_tensor(self.rate)
        found, counts = [rate] * 3, tf.constant(0.0)  # a given rate has no estimate
        if self.estimates:
            found, counts = tf.unstack(tf.convert_to_tensor(self.estimate)), 1.0
        names = [name for name in REPORTED if name != "ood_rate"]
        return {"ood_rate": rate, **{n: (x, counts) for n, x in zip(names, found)}}

    def remember(self, network: keras.Model, batch: Dict[str, tf.Tensor]) -> None:
        """Stores the features of this step's labelled images as the latest ones."""
        if not self.asks_features:
            return
        with frozen_statistics(network):
            found = tf.cast(self.extractor(batch["x"], training=True), tf.float32)
        places = rows_of_all(batch["x_index"])
        # Average repeated images of a batch: the order of updates would be undefined.
        size = tf.shape(self.references)[0]
        sums = tf.math.unsorted_segment_sum(rows_of_all(found), places, size)
        ones = tf.ones_like(places, tf.float32)
        times = tf.math.unsorted_segment_sum(ones, places, size)[:, None]
        newest = tf.math.divide_no_nan(sums, times)
        self.references.assign(tf.where(times > 0, newest, self.references))

    def __call__(
        self, batch: Dict[str, tf.Tensor], logits: tf.Tensor, views: tf.Tensor
    ) -> tf.Tensor:
        """Computes the mask of a step's unlabelled rows.

        Args:
            batch: batch of the step.
            logits: float32 [K b, C], which scores of logits rank; first views first.
            views: float32 [K, b, D], features of the views; ignored by other scores.

        Returns:
            float32 [K b], 0 or 1.
        """
        rows = tf.shape(logits)[0]
        if self.off:
            return tf.ones([rows])
        copies = rows // tf.shape(batch["u_truth"])[0]
        if self.score == "oracle":
            inside = tf.cast(batch["u_truth"] >= -1, tf.float32)
            return tf.tile(inside, [copies])
        if self.of_images:
            return tf.tile(tf.gather(self.kept, batch["u_index"]), [copies])
        rate = tf.convert_to_tensor(self.rate) if self.estimates else self.rate
        if self.score in OF_LOGITS:
            return self._masked(OF_LOGITS[self.score](logits), rate)
        found = score_of_features(
            self.score,
            tf.reduce_mean(tf.cast(views, tf.float32), 0),
            tf.convert_to_tensor(self.references),
            tf.convert_to_tensor(self.classes),
            self.num_classes,
        )
        return tf.tile(self._masked(found, rate), [copies])

    def _masked(self, scores: tf.Tensor, rate: Any) -> tf.Tensor:
        """Returns the mask of rows with these scores, float32 [n]."""
        if not self.of_batch:
            return ood_mask(scores, rate)
        return own_rows(ood_mask(rows_of_all(scores), rate), tf.shape(scores)[0])


def ranks_images(config: Any) -> bool:
    """Returns whether the mask ranks rows by fixed scores of images."""
    return config.ood_score in FIXED or bool(config.ood_scores_from)


def asks_indices(config: Any) -> bool:
    """Returns whether the score needs the indices of images."""
    return ranks_images(config) or config.ood_score in OF_FEATURES


def require_fitting(config: Any, facts: RunFacts) -> None:
    """Raises a `UsageError` if settings of the mask do not fit together."""
    score = config.ood_score
    if config.ood_scores_from and score in ("domain", "oracle"):
        raise UsageError(
            f"--ood_scores_from: --ood_score={score} uses no network.\nExpected "
            f"--ood_score=frozen, {', '.join((*OF_LOGITS, *OF_FEATURES))}."
        )
    found = config.ood_scores_from or config.ood_scores
    if found and config.ood_rate is None and not facts.mismatch:
        flag = "ood_scores_from" if config.ood_scores_from else "ood_scores"
        raise UsageError(
            f"--{flag}={found}: without --ood_rate and --mismatch no image is masked.\n"
            "Give --ood_rate=auto, or a share of 0 to 0.999."
        )
    if score == "frozen" and not (facts.pretrained or found):
        raise UsageError(
            "--ood_score=frozen: the network starts from random weights, or from a run "
            "that knows the labels of this one.\nGive a network with --pretrained, "
            "--init_from or --ood_scores_from=RUN of other data, or use "
            "--ood_score=domain."
        )


def _require_layer_asked(config: Any, fixed: str, needed: bool, off: bool) -> None:
    """Rejects a layer if no score uses features."""
    asked = config.ood_score in OF_FEATURES or (needed and fixed == "frozen")
    if config.ood_layer and not (asked or off):
        raise UsageError(
            f"--ood_layer: --ood_score={config.ood_score} compares no features.\n"
            f"Expected --ood_score=frozen, {', '.join(OF_FEATURES)}."
        )
