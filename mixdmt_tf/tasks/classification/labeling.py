"""Pseudo labels of a trained network for classification, and their quality.

DMT algorithm 1, step 5, and figure 1.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from mixdmt_tf.algorithms.parts.label_sources import LabelSource
from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.source import UNKNOWN, Source
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.data.part import WHOLE, Part
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import (
    accuracy_by_confidence,
    balanced_class_weights,
    class_thresholds,
    threshold_labels,
    top_confident,
    top_count,
    top_count_released,
)
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification import graph_labeling
from mixdmt_tf.tasks.classification.scoring import images_per_pass

BY_NETWORK = LabelSource()
CANDIDATES = "candidates"  # key in the facts: number of images that were predicted
BINS = 10  # of confidence, equally wide
BLOCK = 40  # passes whose probabilities are in memory at a time
Guesses = Tuple[np.ndarray, np.ndarray]  # classes int32 [n], confidence float32 [n]
SHARES = (20, 40, 60, 80, 100)  # percent, the most confident first, as in figure 1
COUNTS = {"exact": top_count, "released": top_count_released, "per_class": top_count}


def label(
    model: Trained,
    source: Source,
    split: Split,
    fraction: float,
    count: str = "exact",
    weights: str = "ema",
    poll: Callable[[], None] = lambda: None,
    by: LabelSource = BY_NETWORK,
    guesses: Optional[Guesses] = None,
    inside: Optional[np.ndarray] = None,
) -> PseudoLabels:
    """Labels all unlabelled images, without augmentation; keeps the most confident.

    The confidence of a label is its probability; that of a label from a graph is its
    certainty.

    Args:
        model: the trained network.
        source: the data set.
        split: of the run; its unlabelled images are labelled.
        fraction: share of labels to keep, in (0, 1].
        count: how the share is counted: 'exact', 'released', or 'per_class' for the
            share of each predicted class (as algorithm 2 does for pixels).
        weights: 'ema' or 'raw'.
        poll: called regularly; may raise an exception to stop.
        by: source of the labels, the network or a graph.
        guesses: the network's predictions for all unlabelled images, if already known.
        inside: bool [N], which of the unlabelled images may be kept; None: all.

    Raises:
        UserError: if nothing would be kept.
    """
    # Without a mask no copy is made, which matters for ten million images.
    candidates = slice(None) if inside is None else inside
    ids = split.unlabeled[candidates]
    images = len(ids)
    number = COUNTS[count](images, fraction)
    if not number:
        raise UserError(
            f"{100 * fraction:g} % of {images:,} unlabelled images is none.\n"
            "Keep a larger share."
        )
    if by.labeling == "graph":
        found = graph_labeling.propagate(model, source, split, by, weights, poll)
        labels, confidence = found.labels, found.certainty
    else:
        labels, confidence = guesses or guess(model, source, split, weights, poll)
    if count == "per_class":
        ranked = labels[candidates], confidence[candidates]
        lowest = class_thresholds(*ranked, source.num_classes, fraction)
        kept = np.zeros(len(labels), bool)
        kept[candidates] = threshold_labels(*ranked, lowest, UNKNOWN) != UNKNOWN
    else:
        surest, _ = top_confident(ids, confidence[candidates], number)
        kept = np.isin(split.unlabeled, surest)
    facts = {
        "fraction": fraction,
        "lowest_confidence": float(confidence[kept].min()),
        "step": model.step,
        "network": dict(model.network),
    }
    class_weights: Optional[np.ndarray] = None
    if by.labeling == "graph":
        facts["labeling"] = dataclasses.asdict(by)
        everybody = np.concatenate([source.train.labels[split.labeled], labels[kept]])
        balanced = balanced_class_weights(everybody, source.num_classes)
        class_weights = balanced.astype(np.float32)
    return PseudoLabels(
        split.unlabeled,
        labels,
        confidence.astype(np.float32),
        kept,
        facts,
        class_weights,
    )


def guess(
    model: Trained,
    source: Source,
    split: Split,
    weights: str = "ema",
    poll: Callable[[], None] = lambda: None,
    part: Part = WHOLE,
) -> Guesses:
    """Predicts the most probable classes of unlabelled images and their probabilities.

    Parts end at the boundaries of passes through the network: an image is always in the
    same pass, so its prediction is bitwise the same, whatever the parts.

    Args:
        model: the trained network.
        source: the data set.
        split: of the run; its unlabelled images are labelled.
        weights: 'ema' or 'raw'.
        poll: called regularly; may raise an exception to stop.
        part: of the unlabelled images.
    """
    rows = rows_of(part, source, split)
    labels, confidence = np.empty(len(rows), np.int32), np.empty(len(rows), np.float32)
    for some, probs in probabilities(model, source, split, weights, poll, part):
        labels[some], confidence[some] = probs.argmax(-1), probs.max(-1)
    return labels, confidence


def probabilities(
    model: Trained,
    source: Source,
    split: Split,
    weights: str = "ema",
    poll: Callable[[], None] = lambda: None,
    part: Part = WHOLE,
) -> Iterator[Tuple[slice, np.ndarray]]:
    """Predicts all probabilities, block by block; see `guess`.

    Yields:
        The rows within the part, and their probabilities, float32 [n, C].
    """
    rows = rows_of(part, source, split)
    step = BLOCK * images_per_pass(source.train.images)
    chosen = model.weights(weights)
    for start in range(0, len(rows), step):
        some = slice(start, min(start + step, len(rows)))
        ids = split.unlabeled[rows.start + some.start : rows.start + some.stop]
        images = take(source.train.images, ids)
        yield some, model.scorer.predict(chosen, images, poll)


def rows_of(part: Part, source: Source, split: Split) -> range:
    """Returns a part's unlabelled images, as a range of indices in the split."""
    total, size = len(split.unlabeled), images_per_pass(source.train.images)
    passes = part.range(-(-total // size))
    return range(min(passes.start * size, total), min(passes.stop * size, total))


@dataclasses.dataclass(frozen=True)
class Quality:
    """Quality of pseudo labels; percentages are None where true classes are unknown.

    Attributes:
        number: of pseudo labels that were kept.
        accuracy: of the kept labels, percent.
        accuracy_of_all: of all labels, kept or not, percent.
        lowest_confidence: of the kept labels.
        bins: over all unlabelled images of known class, for each non-empty range of
            confidence from `low` to `high`: the number of `images`, and the `accuracy`
            of their labels in percent.
        error_of_top: percent, of the most confident 20, 40, ..., 100 % of all labels
            (figure 1).
    """

    number: int
    accuracy: Optional[float]
    accuracy_of_all: Optional[float]
    lowest_confidence: float
    bins: List[Dict[str, Any]]
    error_of_top: Dict[int, Optional[float]]


def source_of(settings: Any) -> LabelSource:
    """Extracts the settings of the label source from those of a method."""
    names = (field.name for field in dataclasses.fields(LabelSource))
    return LabelSource(**{name: getattr(settings, name) for name in names})


def quality(pseudo: PseudoLabels, truth: np.ndarray) -> Quality:
    """Compares pseudo labels with the hidden true classes.

    Args:
        pseudo: of N images.
        truth: int32 [N], hidden classes, `UNKNOWN` where unknown; labels of images
            of no class, -2 and less, make any pseudo label wrong.
    """
    if CANDIDATES in pseudo.facts:
        asked = pseudo.confidence > 0
        pseudo, truth = _rows(pseudo, asked), truth[asked]
    known, right = truth != UNKNOWN, pseudo.labels == truth
    kept = pseudo.kept

    def accuracy(which: np.ndarray) -> Optional[float]:
        judged = which & known
        return 100 * float(right[judged].mean()) if judged.any() else None

    # Images of no class get an extra class that is never predicted.
    classes = np.where(truth < UNKNOWN, np.iinfo(np.int32).max, truth)[known]
    bins = []
    if known.any():
        sure = np.minimum(pseudo.confidence[known], 1.0)
        guesses = pseudo.labels[known]
        counts, hits = accuracy_by_confidence(classes, guesses, sure, BINS)
        bins = [
            {
                "low": i / BINS,
                "high": (i + 1) / BINS,
                "images": int(counts[i]),
                "accuracy": float(hits[i]),
            }
            for i in np.flatnonzero(counts)
        ]
    everything = np.ones_like(kept)
    lowest = float(pseudo.confidence[kept].min()) if kept.any() else 1.0
    top: Dict[int, Optional[float]] = {}
    for share in SHARES:
        number = top_count(len(kept), share / 100)
        ids, _ = top_confident(pseudo.ids, pseudo.confidence, number)
        found = accuracy(np.isin(pseudo.ids, ids))
        top[share] = None if found is None else 100 - found
    return Quality(
        int(kept.sum()),
        accuracy(kept),
        accuracy(everything),
        lowest,
        bins,
        top,
    )


def some(pseudo: PseudoLabels, number: int, seed: int) -> PseudoLabels:
    """Selects the pseudo labels of random images, in order, or all if there are fewer.

    Args:
        pseudo: of N images.
        number: of images to draw.
        seed: of the draw.
    """
    drawn = np.random.default_rng(seed).permutation(len(pseudo.ids))[:number]
    return _rows(pseudo, np.sort(drawn))


def _rows(pseudo: PseudoLabels, rows: np.ndarray) -> PseudoLabels:
    names = ("ids", "labels", "confidence", "kept")
    return dataclasses.replace(pseudo, **{n: getattr(pseudo, n)[rows] for n in names})


def describe(quality: Quality, images: int) -> str:
    """Formats the quality as a few lines for the terminal.

    Args:
        quality: of the labels.
        images: number of labelled images.
    """
    lines = [
        f"kept {quality.number:,} of {images:,} pseudo labels, confidence "
        f"{quality.lowest_confidence:.4f} and above"
    ]
    if quality.accuracy is not None and quality.accuracy_of_all is not None:
        lines.append(
            f"right: {quality.accuracy:.2f} % of those kept, "
            f"{quality.accuracy_of_all:.2f} % of all"
        )
    for row in quality.bins:
        lines.append(
            f"  confidence {row['low']:.1f} to {row['high']:.1f}: "
            f"{row['images']:>7,} images, {row['accuracy']:6.2f} % right"
        )
    return "\n".join(lines)
