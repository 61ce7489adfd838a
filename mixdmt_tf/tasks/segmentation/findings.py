"""Predictions of a trained segmenter for some images, for its report."""

from __future__ import annotations

import dataclasses
from typing import List, Optional, Sequence

import numpy as np
from PIL import Image

from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.segmentation.source import IGNORED, Sample, hidden_labels, paint
from mixdmt_tf.equations import confusion_counts, mean_iou
from mixdmt_tf.runs.trained import Trained

LONGEST = 320  # pixels of the longer side of a part of an overlay
EVERY = 4  # stride, in rows and columns, of the pixels whose confidence is collected


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
    """One image, and the network's predictions for it.

    Attributes:
        name: of the image.
        tiles: image, truth, prediction, and errors in black, as one picture, uint8
            [H, W, 3]; without labels: image, prediction and uncertainty.
        miou: mean IoU in percent; None without labels.
        doubt: uncertainty, the mean of 1 - confidence over all pixels.
        labels: true classes of sampled pixels of known class, int [n]; empty without
            labels.
        predicted: int [n], of the same pixels.
        confidence: float [n], of the same pixels; without labels, of all sampled ones.
        counts: confusion matrix, int64 [C, C] pixels; None without labels.
    """

    name: str
    tiles: np.ndarray
    miou: Optional[float]
    doubt: float
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    counts: Optional[np.ndarray]


def look(model: Trained, samples: Sequence[Sample], colours: np.ndarray) -> List[Seen]:
    """Predicts each image at its full size with EMA weights.

    Args:
        model: the network.
        samples: the images; labels that are hidden from training are used.
        colours: of the classes, uint8 [C, 3].
    """
    model.scorer.use(model.averaged)
    return [_look(model, each, colours) for each in samples]


def _look(model: Trained, sample: Sample, colours: np.ndarray) -> Seen:
    image = sample.image()
    said, doubt = model.scorer.guess(image)
    image = seen(image)
    truth = hidden_labels(sample, len(colours))
    doubt = doubt.astype(np.float32)
    pictures = [image, paint(said, colours), shade(1.0 - doubt)]
    counts, miou = None, None
    some = (slice(None, None, EVERY), slice(None, None, EVERY))
    labels, predicted = np.zeros(0, np.int64), np.zeros(0, np.int64)
    confidence = 1.0 - doubt[some].ravel()
    if truth is not None:
        wrong = (truth != said) & (truth != IGNORED)
        mistakes = np.where(wrong[..., np.newaxis], np.uint8(0), np.uint8(255))
        mistakes = np.repeat(mistakes, 3, axis=-1)
        pictures = [image, paint(truth, colours), paint(said, colours), mistakes]
        counts = confusion_counts(truth, said, len(colours))
        miou = mean_iou(counts) if counts.any() else None
        known = truth[some] != IGNORED
        labels = truth[some][known].astype(np.int64)
        predicted = said[some][known].astype(np.int64)
        confidence = 1.0 - doubt[some][known]
    return Seen(
        str(sample.name),
        tiled(pictures),
        miou,
        float(doubt.mean()),
        labels,
        predicted,
        confidence,
        counts,
    )


def shade(values: np.ndarray) -> np.ndarray:
    """Converts values in [0, 1] to grey levels, uint8 [H, W, 3]."""
    grey = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def tiled(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Arranges downscaled pictures of one size, two in a row: uint8 [H, W, 3].

    The first one, an image, is resized with interpolation; the others, which have few
    colours, without.
    """
    height, width = pictures[0].shape[:2]
    share = min(1.0, LONGEST / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    ways = [Image.Resampling.BILINEAR] + [Image.Resampling.NEAREST] * len(pictures)
    rows = -(-len(pictures) // 2)
    whole = Image.new("RGB", (2 * size[0] + 4, rows * (size[1] + 4) - 4), "white")
    for place, (pixels, way) in enumerate(zip(pictures, ways)):
        small = Image.fromarray(pixels).resize(size, way)
        corner = (place % 2 * (size[0] + 4), place // 2 * (size[1] + 4))
        whole.paste(small, corner)
    return np.asarray(whole)
