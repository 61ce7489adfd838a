"""A linear classifier on frozen features: what pretrained weights know by themselves.

Multinomial logistic regression on the inputs of the network's last layer for the
labelled images, with all other layers as loaded (Chen et al. 2020, arXiv:2002.05709,
section 4, and most papers on representation learning). It takes seconds, and every
method that trains a pretrained network should beat it. It is meaningless for networks
that start from random weights.

The classifier is fitted before the first step, by L-BFGS to convergence. The only step
of the run reports its loss and changes nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import cross_entropy
from mixdmt_tf.errors import UserError
from mixdmt_tf.models import features
from mixdmt_tf.settings import override, setting

assumes = {"network": "efficientnet_lite0", "image_size": 96, "steps": 1}

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of the classifier's regularization."""

    regularization: Optional[float] = setting(
        None,
        "C of logistic regression on standardized features, the inverse of the "
        "strength of the penalty on the squares of the weights; none: the best of "
        "1e-4, 1e-3, ..., 1 in a cross-validation on the labelled images",
        low=1e-8,
    )
    learning_rate: float = override(0.0, "the only step changes no weights")
    weight_decay: float = override(0.0)
    ema_decay: float = override(0.0)


class LinearProbe(base.Algorithm):
    """Logistic regression on the features of the labelled images."""

    reported = ("loss_x", "accuracy_x")

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Returns batches of labelled images."""
        return Recipe()

    def begin(self, pipeline: Any) -> None:
        """Fits the network's last layer to the labelled images.

        Args:
            pipeline: the run's images.

        Raises:
            UserError: if the last layer has no bias, or a class has no images.
        """
        head = features.head(self.network)
        if not head.use_bias:
            raise UserError(
                f"--algorithm=linear_probe: {head.name}, the last layer of "
                f"{self.network.name}, has no bias, but the classifier does.\n"
                "Use a network whose last layer has a bias."
            )
        extract = features.extractor(self.network)
        found, labels = [], []
        for images, classes in pipeline.labeled_images():
            found.append(extract(images, training=False).numpy())
            labels.append(classes)
        kernel, bias = fit(
            np.concatenate(found),
            np.concatenate(labels),
            self.facts.num_classes,
            self.config.regularization,
            pipeline.label_weights,
        )
        head.kernel.assign(kernel)
        head.bias.assign(bias)
        self.weights_replaced()

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes the cross-entropy of the batch, without training."""
        logits = self.network(batch["x"], training=False)
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        hits = tf.equal(tf.argmax(logits, -1, tf.int32), batch["y"])
        return (
            {"loss_x": base.Term(cross_entropy(y, logits))},
            {"accuracy_x": tf.cast(hits, tf.float32)},
        )


def fit(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    regularization: Optional[float],
    weights: Optional[np.ndarray] = None,
) -> Any:
    """Fits logistic regression on standardized features.

    Args:
        x: features, float [N, D].
        y: classes, int [N].
        classes: number of classes C.
        regularization: see `Config`.
        weights: float [N], weight of each row in the fit; the cross-validation that
            chooses the regularization weights all rows equally. None: all 1.

    Returns:
        Kernel float32 [D, C] and bias float32 [C] for the original features, without
        standardization.

    Raises:
        UserError: if a class has no images.
    """
    # Imported here, because it takes a second that other methods need not wait for.
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from threadpoolctl import threadpool_limits

    missing = np.flatnonzero(np.bincount(y, minlength=classes) == 0)
    if len(missing):
        raise UserError(
            f"--algorithm=linear_probe: no labelled image of class {missing[0]}; "
            "expected at least one of each.\nGive more --labels, or another --split."
        )
    mean, deviation = x.mean(0), x.std(0)
    # Features that hardly vary among few labelled images would get too much weight.
    deviation = np.maximum(deviation, max(float(deviation.mean()) / 10, 1e-6))
    standardized = ((x - mean) / deviation).astype(np.float64)

    def model(strength: float) -> Any:
        return LogisticRegression(C=strength, max_iter=1000)

    def best() -> float:
        folds = min(FOLDS, int(np.bincount(y, minlength=classes).min()))
        if folds < 2:
            return STRENGTHS[len(STRENGTHS) // 2]
        parts = StratifiedKFold(folds, shuffle=True, random_state=0)
        scores = [
            cross_val_score(model(each), standardized, y, cv=parts).mean()
            for each in STRENGTHS
        ]
        return STRENGTHS[int(np.argmax(scores))]

    # Thousands of small products: while other programs run, threads that wait for each
    # other take fifty times as long.
    with threadpool_limits(1):
        strength = best() if regularization is None else regularization
        found = model(strength).fit(standardized, y, sample_weight=weights)
    kernel, bias = found.coef_.T, found.intercept_
    if classes == 2:  # one row, the logit of class 1 over class 0
        kernel, bias = kernel * [-0.5, 0.5], bias * [-0.5, 0.5]
    kernel = kernel / deviation[:, None]
    return kernel.astype(np.float32), (bias - mean @ kernel).astype(np.float32)
