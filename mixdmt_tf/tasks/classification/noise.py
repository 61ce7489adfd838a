"""Estimates the share of wrong pseudo labels without the hidden true classes."""

from __future__ import annotations

import dataclasses
from typing import Dict, Optional, Sequence

import numpy as np

from mixdmt_tf.data.classification import pseudo_labels, splits
from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import at_temperature, fitted_temperature
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.trained import Trained


def noted(
    models: Sequence[Trained],
    source: Source,
    split: Split,
    pseudo: PseudoLabels,
    weights: str,
    count: str,
) -> PseudoLabels:
    """Adds both estimates to the facts of pseudo labels; arguments of `estimate`."""
    found = estimate(models, source, split, pseudo, weights, count)
    return dataclasses.replace(pseudo, facts={**pseudo.facts, "noise": found})


def estimate(
    models: Sequence[Trained],
    source: Source,
    split: Split,
    pseudo: PseudoLabels,
    weights: str = "ema",
    count: str = "exact",
) -> Dict[str, Optional[float]]:
    """Estimates the share of wrong labels among the kept ones in two ways.

    Args:
        models: the networks whose mean prediction gave the labels.
        source: the data set.
        split: of the run.
        pseudo: its labels. For labels from a graph there is no estimate, since they are
            not the network's own.
        weights: 'ema' or 'raw'.
        count: 'per_class' if the most confident labels of each class were kept; else
            those of all classes.

    Returns:
        'validation': error on the validation images that are at least as confident as
        the least confident kept label (per_class: of their class), or on all of them if
        there are none such; None without validation images. 'confidence': 1 - mean
        confidence at the temperature fitted to the validation images or, without any,
        to the labelled ones. Shares in [0, 1].
    """
    if pseudo.class_weights is not None:
        return {"validation": None, "confidence": None}

    def predict(images: np.ndarray) -> np.ndarray:
        asked = (each.scorer.predict(each.weights(weights), images) for each in models)
        total: np.ndarray = sum(asked)  # type: ignore[assignment]
        return total / len(models)

    held_out = splits.validation_images(split, source)
    error: Optional[float] = None
    if held_out is not None and len(held_out):
        probs, labels = predict(held_out.images), held_out.labels
        lowest = _lowest(pseudo, count == "per_class", probs.shape[-1])
        sure = probs.max(-1) >= lowest[probs.argmax(-1)]
        judged = sure if sure.any() else np.ones_like(sure)
        error = float((probs.argmax(-1) != labels)[judged].mean())
    else:
        labels = source.train.labels[split.labeled]
        probs = predict(take(source.train.images, split.labeled))
    temperature = fitted_temperature(probs, labels)
    kept = predict(take(source.train.images, pseudo.ids[pseudo.kept]))
    confidence = at_temperature(kept, temperature).max(-1)
    return {"validation": error, "confidence": float(1 - confidence.mean())}


def _lowest(pseudo: PseudoLabels, by_class: bool, classes: int) -> np.ndarray:
    """Returns the lowest confidence of kept labels, of each class or of all."""
    confidence = pseudo.confidence[pseudo.kept]
    if not by_class:
        return np.full(classes, confidence.min())
    lowest = np.full(classes, np.inf)
    np.minimum.at(lowest, pseudo.labels[pseudo.kept], confidence)
    return lowest


def of_run(experiment: Experiment, split: Split, num_classes: int) -> float:
    """Reads the estimate in the file of pseudo labels; 0 for methods not using it.

    Args:
        experiment: all settings.
        split: of the run.
        num_classes: C.

    Raises:
        UsageError: if the file has no such estimate.
    """
    method = experiment.method
    if not hasattr(method, "noise_from") or method.noise_rate is not None:
        return 0.0
    place = expanded(experiment.data.pseudo_labels)
    pseudo = pseudo_labels.read(place, split, num_classes)
    found = pseudo.facts.get("noise", {}).get(method.noise_from)
    if found is None:
        raise UsageError(
            f"--noise_from={method.noise_from}: {place} has no such estimate. It needs "
            "labels by the network and, for 'validation', validation images.\nGive "
            "--noise_rate, the expected share of wrong labels."
        )
    return float(found)
