"""Pseudo labels of a trained network for segmentation, and their quality.

DMT (arXiv:2004.08514) algorithm 2, steps 13 and 15: of the pixels of each predicted
class the most confident share alpha is kept, independently of the other classes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from mixdmt_tf.data.part import WHOLE, Part
from mixdmt_tf.data.segmentation import pseudo_labels
from mixdmt_tf.data.segmentation.pseudo_labels import PseudoLabels
from mixdmt_tf.data.segmentation.source import IGNORED, Source, hidden_labels
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import (
    class_thresholds,
    class_thresholds_released,
    ranking_sample,
)
from mixdmt_tf.runs.trained import Trained, weights_digest
from mixdmt_tf.threads import read_ahead, written_behind

THRESHOLDS = {
    "exact": class_thresholds,
    "released": class_thresholds_released,
    "per_class": class_thresholds,  # pixels are always ranked per class
}


def label(
    model: Trained,
    source: Source,
    split: Split,
    folder: pathlib.Path,
    fraction: float,
    count: str = "exact",
    every: int = 16,
    weights: str = "ema",
    poll: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PseudoLabels:
    """Labels all unlabelled images, at their full size, and finds the thresholds.

    Calls `guess` and then `rank`.

    Args:
        model: the trained network.
        source: the data set.
        split: of the run; its unlabelled images are labelled.
        folder: where to; what an earlier call left there of the same network is kept.
        fraction: alpha, in (0, 1].
        count: 'exact' or 'released': how many pixels a share is.
        every: which pixels of an image are ranked: 1 for all, 16 for every 16th.
        weights: 'ema' or 'raw'.
        poll: called before each image; may raise an exception to stop.
        progress: called with (images labelled, images in all).
    """
    guess(model, source, split, folder, weights, poll, progress)
    return rank(model, source, split, folder, fraction, count, every)


def guess(
    model: Trained,
    source: Source,
    split: Split,
    folder: pathlib.Path,
    weights: str = "ema",
    poll: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    part: Part = WHOLE,
) -> None:
    """Writes predictions for the unlabelled images that are not in the folder yet.

    Args:
        model: the trained network.
        source: the data set.
        split: of the run; its unlabelled images are labelled.
        folder: where to; what an earlier call left there of the same network is kept.
        weights: 'ema' or 'raw'.
        poll: called before each image; may raise an exception to stop.
        progress: called with (images labelled, images in all), of the part.
        part: of the images; others may be written at the same time.
    """
    chosen = model.weights(weights)
    pseudo_labels.begin(folder, split, weights_digest(chosen), part)
    model.scorer.use(chosen)
    missing = pseudo_labels.missing(folder, split, part)
    total = len(part.range(len(split.unlabeled)))
    before = total - len(missing)

    def read(sample_id: int) -> np.ndarray:
        return source.train[sample_id].image()

    with written_behind() as later:
        for done, (sample_id, image) in enumerate(read_ahead(read, missing), before):
            poll()
            progress(done, total)
            guessed = model.scorer.guess(image)
            later(pseudo_labels.write_guess, folder, sample_id, *guessed)
    progress(total, total)


def rank(
    model: Trained,
    source: Source,
    split: Split,
    folder: pathlib.Path,
    fraction: float,
    count: str = "exact",
    every: int = 16,
) -> PseudoLabels:
    """Finds the thresholds of the classes once all predictions are written.

    Args:
        model: the trained network that made them.
        source: the data set.
        split: of the run; its unlabelled images were labelled.
        folder: of the predictions.
        fraction: alpha, in (0, 1].
        count: 'exact' or 'released': how many pixels a share is.
        every: which pixels of an image are ranked: 1 for all, 16 for every 16th.
    """
    thresholds, content = _rank(source, split, folder, fraction, count, every)
    facts = {
        "fraction": fraction,
        "count": count,
        "every": every,
        "step": model.step,
        "network": dict(model.network),
    }
    return pseudo_labels.finish(folder, split, thresholds, facts, content)


def _rank(
    source: Source,
    split: Split,
    folder: pathlib.Path,
    fraction: float,
    count: str,
    every: int,
) -> Tuple[np.ndarray, str]:
    """Returns the thresholds of the classes, and sha256 of all predictions."""
    content = hashlib.sha256()
    classes: List[np.ndarray] = []
    scores: List[np.ndarray] = []

    def read(sample_id: int) -> Tuple[np.ndarray, np.ndarray]:
        return pseudo_labels.read_guess(folder, sample_id)

    for sample_id, guess in read_ahead(read, [int(i) for i in split.unlabeled]):
        content.update(str(sample_id).encode())
        for found, array in zip((classes, scores), guess):
            content.update(array.tobytes())
            found.append(ranking_sample(array, every).copy())
    thresholds = THRESHOLDS[count](
        np.concatenate(classes), np.concatenate(scores), source.num_classes, fraction
    )
    return thresholds, content.hexdigest()


@dataclasses.dataclass(frozen=True)
class Quality:
    """Quality of pseudo labels; accuracies are None where true classes are unknown.

    Attributes:
        share_labeled: percentage of all pixels that have a pseudo label.
        accuracy: accuracy in percent, over pseudo-labelled pixels of known class.
        accuracy_of_all: accuracy of all predictions in percent, whether kept or not.
        share_by_class: percentage kept of the pixels predicted as each class, by class
            name; None for a class that was never predicted.
    """

    share_labeled: float
    accuracy: Optional[float]
    accuracy_of_all: Optional[float]
    share_by_class: Dict[str, Optional[float]]


def quality(pseudo: PseudoLabels, source: Source, split: Split) -> Quality:
    """Compares pseudo labels with the true labels, where these are known."""
    names = source.class_names
    guessed, kept = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    right, known = np.zeros(2, np.int64), np.zeros(2, np.int64)  # kept, of all

    def read(sample_id: int) -> Tuple[Any, ...]:
        every, confidence = pseudo_labels.read_guess(pseudo.folder, sample_id)
        some = pseudo.kept(sample_id, every, confidence)
        return every, some, hidden_labels(source.train[sample_id], len(names))

    for _, (every, some, truth) in read_ahead(read, [int(i) for i in split.unlabeled]):
        guessed += np.bincount(every.ravel(), minlength=len(names))
        kept += np.bincount(some[some != IGNORED].ravel(), minlength=len(names))
        if truth is not None:
            for place, labels in enumerate((some, every)):
                judged = (truth != IGNORED) & (labels != IGNORED)
                known[place] += np.count_nonzero(judged)
                right[place] += np.count_nonzero(judged & (labels == truth))

    def percent(part: int, whole: int) -> Optional[float]:
        return 100 * int(part) / int(whole) if whole else None

    return Quality(
        percent(kept.sum(), guessed.sum()) or 0.0,
        percent(right[0], known[0]),
        percent(right[1], known[1]),
        {name: percent(k, g) for name, k, g in zip(names, kept, guessed)},
    )


def describe(quality: Quality, images: int) -> str:
    """Formats the quality as a few lines for the terminal."""
    lines = [
        f"kept {quality.share_labeled:.2f} % of the pixels of {images:,} unlabelled "
        "images"
    ]
    if quality.accuracy is not None and quality.accuracy_of_all is not None:
        lines.append(
            f"right: {quality.accuracy:.2f} % of those kept, "
            f"{quality.accuracy_of_all:.2f} % of all"
        )
    for name, share in quality.share_by_class.items():
        never = "never guessed" if share is None else f"{share:6.2f} % kept"
        lines.append(f"  {name}: {never}")
    return "\n".join(lines)
