"""How many pseudo labels are wrong, estimated without knowing the hidden classes."""

from __future__ import annotations

from typing import Dict, Optional

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


def estimate(
    model: Trained,
    source: Source,
    split: Split,
    pseudo: PseudoLabels,
    weights: str = "ema",
) -> Dict[str, Optional[float]]:
    """Two estimates of the share of wrong labels among those that are kept.

    Args:
        model: the network that gave the labels.
        source: the data set.
        split: of the run.
        pseudo: its labels; labels from a graph are not the network's own, and there is
            no estimate.
        weights: 'ema' or 'raw'.

    Returns:
        'validation': error on the validation images that are as confident as the least
        confident label that is kept, on all of them if none is; None without validation
        images. 'confidence': 1 - mean confidence at the temperature that fits the
        validation images or, without any, the labelled ones. Shares in [0, 1].
    """
    if pseudo.class_weights is not None:
        return {"validation": None, "confidence": None}

    def predict(images: np.ndarray) -> np.ndarray:
        return model.scorer.predict(model.weights(weights), images)

    held_out = splits.validation_images(split, source)
    error: Optional[float] = None
    if held_out is not None and len(held_out):
        probs, labels = predict(held_out.images), held_out.labels
        sure = probs.max(-1) >= pseudo.confidence[pseudo.kept].min()
        judged = sure if sure.any() else np.ones_like(sure)
        error = float((probs.argmax(-1) != labels)[judged].mean())
    else:
        labels = source.train.labels[split.labeled]
        probs = predict(take(source.train.images, split.labeled))
    temperature = fitted_temperature(probs, labels)
    kept = predict(take(source.train.images, pseudo.ids[pseudo.kept]))
    confidence = at_temperature(kept, temperature).max(-1)
    return {"validation": error, "confidence": float(1 - confidence.mean())}


def of_run(experiment: Experiment, split: Split, num_classes: int) -> float:
    """The estimate in the file of pseudo labels; 0 for methods that do not ask for it.

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
            f"--noise_from={method.noise_from}: {place} has no such estimate, "
            "which needs labels by the network, and for 'validation' validation "
            "images.\nGive --noise_rate, the expected share of wrong labels."
        )
    return float(found)
