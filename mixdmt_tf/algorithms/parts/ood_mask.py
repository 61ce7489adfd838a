"""The out-of-distribution mask of RealMix (section 3.4), with a choice of scores.

Three kinds of scores: of a row's logits; of its features beside those of the labelled
images, of which the newest are remembered; and fixed ones of each unlabelled image,
from before the first step (`frozen_scores.py`, `domain_scores.py`). The share of
strangers can be estimated from the fixed ones.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Union

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.parts import own_state
from mixdmt_tf.algorithms.parts.domain_scores import domain_scores
from mixdmt_tf.algorithms.parts.frozen_scores import NEIGHBOURS, frozen_scores
from mixdmt_tf.algorithms.parts.image_scores import stranger_share
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
from mixdmt_tf.settings import setting

# At a mismatch of 100 % the paper's rate, the level itself, would leave nothing.
HIGHEST_RATE = 0.9

OF_LOGITS = {
    "softmax": largest_probability,
    "max_logit": largest_logit,
    "energy": negative_energy,
    "margin": probability_margin,
}
OF_FEATURES = ("knn", "mahalanobis", "subspace")
FIXED = ("domain", "frozen")


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


def score_of_features(
    name: str,
    rows: tf.Tensor,
    references: tf.Tensor,
    classes: tf.Tensor,
    num_classes: int,
) -> tf.Tensor:
    """One of `OF_FEATURES` for rows [n, D], float32 [n]."""
    if name == "knn":
        return nearest_cosine(rows, references, NEIGHBOURS)
    score = {"mahalanobis": mahalanobis, "subspace": subspace}[name]
    return score(rows, references, classes, num_classes)


class OodMask:
    """Which unlabelled rows of a step count.

    Its variables are part of the method's state: they are in checkpoints, the same on
    all replicas.

    Attributes:
        rate: mu, a float; with `--ood_rate=auto` a variable, 0 until `begin`.
        estimate: the estimated share of strangers, of which `rate` is a cautious part;
            without `auto` the same as `rate`.
        scores: float32 [N], the fixed score of each unlabelled image, if the mask or
            the rate rests on one; None otherwise.
        kept: float32 [N], 0 for images that a fixed score masks; None otherwise.
        references: float32 [n, D], features of the labelled images, and `classes`,
            int32 [n]; None unless the score compares with them.
    """

    def __init__(self, network: keras.Model, config: Any, facts: RunFacts):
        """Makes the variables.

        Args:
            network: of the method.
            config: settings with those of `Config`.
            facts: of the run.

        Raises:
            UsageError: if `frozen` is asked of a network without trained weights.
            ValueError: if `facts` has no number of unlabelled images that is needed.
        """
        self.score, self.num_classes = config.ood_score, facts.num_classes
        self.of_batch = config.ood_percentile == "batch"
        given = config.ood_rate
        self.estimates = given == "auto"
        self.rate = self.estimate = self._rate(given, facts)
        if self.estimates:
            self.estimate = own_state.running(np.float32(0))
        self.scores = self.kept = self.references = self.classes = None
        self.extractor = features.extractor(network) if self.asks_features else None
        if self.score == "frozen" and not facts.pretrained:
            raise UsageError(
                "--ood_score=frozen: the network starts from random weights; expected "
                "trained ones.\nGive --init_from=RUN or a network with --pretrained, "
                "or use --ood_score=domain."
            )
        if self.fixed and not self.off:
            if not facts.unlabeled:
                raise ValueError("fixed scores need RunFacts(unlabeled=N)")
            self.fixed_score = self._fixed_score(facts)
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

    def _fixed_score(self, facts: RunFacts) -> str:
        if self.score in FIXED:
            return self.score
        return "frozen" if facts.pretrained else "domain"

    @property
    def off(self) -> bool:
        """Whether nothing is masked, whatever the images."""
        return not self.estimates and self.rate <= 0 and self.score != "oracle"

    @property
    def fixed(self) -> bool:
        """Whether scores from before the first step are needed."""
        return self.score in FIXED or self.estimates

    @property
    def asks_features(self) -> bool:
        """Whether rows are compared with the labelled images."""
        return self.score in OF_FEATURES and not self.off

    def begin(self, network: keras.Model, pipeline: Any) -> None:
        """Finds the fixed scores, the rate, and the first features of labelled images.

        Args:
            network: the method's, before its first step.
            pipeline: the run's images.
        """
        if self.scores is not None:
            if self.fixed_score == "frozen":
                found = frozen_scores(features.extractor(network), pipeline)
            else:
                found = domain_scores(pipeline)
            self.scores.assign(found.scores)
            if self.estimates:
                share = stranger_share(found)
                self.rate.assign(min(share.rate, HIGHEST_RATE))
                self.estimate.assign(share.estimate)
                print("\n".join(filter(None, [found.note, share.describe()])))
            if self.score in FIXED:
                rate = tf.convert_to_tensor(self.rate)
                self.kept.assign(ood_mask(tf.constant(found.scores), rate))
        if self.asks_features:
            rows = [
                (tf.cast(self.extractor(x, training=False), tf.float32), y)
                for x, y in pipeline.labeled_images()
            ]
            self.references.assign(tf.concat([x for x, _ in rows], 0))
            self.classes.assign(np.concatenate([y for _, y in rows]))

    def remember(self, network: keras.Model, batch: Dict[str, tf.Tensor]) -> None:
        """Takes the features of this step's labelled images for the newest ones."""
        if not self.asks_features:
            return
        with frozen_statistics(network):
            found = tf.cast(self.extractor(batch["x"], training=True), tf.float32)
        places = rows_of_all(batch["x_index"])
        # An image that is twice in the batch counts once: the order of updates is open.
        size = tf.shape(self.references)[0]
        sums = tf.math.unsorted_segment_sum(rows_of_all(found), places, size)
        ones = tf.ones_like(places, tf.float32)
        times = tf.math.unsorted_segment_sum(ones, places, size)[:, None]
        newest = tf.math.divide_no_nan(sums, times)
        self.references.assign(tf.where(times > 0, newest, self.references))

    def __call__(
        self, batch: Dict[str, tf.Tensor], logits: tf.Tensor, views: tf.Tensor
    ) -> tf.Tensor:
        """The mask of a step's unlabelled rows.

        Args:
            batch: of the step.
            logits: float32 [K b, C] that are ranked by a score of logits, first views
                first.
            views: float32 [K, b, D], features of the views; without a score that asks
                for them anything.

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
        if self.score in FIXED:
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
        """The mask of rows with these scores, float32 [n]."""
        if not self.of_batch:
            return ood_mask(scores, rate)
        return own_rows(ood_mask(rows_of_all(scores), rate), tf.shape(scores)[0])
