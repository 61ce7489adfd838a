"""Predictions for parts of the images, each part in a file of its own."""

from __future__ import annotations

import pathlib
from typing import Optional

from mixdmt_tf.data.classification import label_parts
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.splits import Split
from mixdmt_tf.runs.trained import Trained, weights_digest
from mixdmt_tf.tasks.classification import labeling


def read(
    output: pathlib.Path, part: Part, source: Source, split: Split, teacher: str
) -> Optional[labeling.Guesses]:
    """Reads the predictions for a part; None if they are not from this teacher.

    Args:
        output: the file of pseudo labels made from all parts.
        part: of the unlabelled images.
        source: the data set.
        split: of the run.
        teacher: `weights_digest` of the teacher network.
    """
    rows = len(labeling.rows_of(part, source, split))
    return label_parts.read(output, part, split, teacher, rows)


def read_or_guess(
    model: Trained,
    source: Source,
    split: Split,
    output: pathlib.Path,
    weights: str,
    part: Part,
) -> labeling.Guesses:
    """Reads the predictions for a part, or calls `labeling.guess` and writes them.

    Args:
        model: the trained network.
        source: the data set.
        split: of the run; its unlabelled images are labelled.
        output: the file of pseudo labels made from all parts.
        weights: 'ema' or 'raw'.
        part: of the unlabelled images.
    """
    teacher = weights_digest(model.weights(weights))
    found = read(output, part, source, split, teacher)
    if found is None:
        found = labeling.guess(model, source, split, weights, part=part)
        label_parts.write(output, part, split, teacher, found)
    return found
