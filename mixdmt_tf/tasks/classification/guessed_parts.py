"""What a network says of parts of the images, each kept in a file of its own."""

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
    """The guesses for a part that are in its file; None unless they are a teacher's.

    Args:
        output: the file of pseudo labels that comes of all parts.
        part: of the unlabelled images.
        source: the data set.
        split: of the run.
        teacher: `weights_digest` of the network that is asked.
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
    """As `labeling.guess`, unless the part is in its file, which is written else.

    Args:
        model: the network that is asked.
        source: the data set.
        split: of which the unlabelled images are labelled.
        output: the file of pseudo labels that comes of all parts.
        weights: 'ema' or 'raw'.
        part: of the unlabelled images.
    """
    teacher = weights_digest(model.weights(weights))
    found = read(output, part, source, split, teacher)
    if found is None:
        found = labeling.guess(model, source, split, weights, part=part)
        label_parts.write(output, part, split, teacher, found)
    return found
