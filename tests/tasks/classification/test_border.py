"""What shifts bring in, for every method."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.tasks.classification.task import Classification
from tests.oracles import crop_flip as oracle
from tests.tasks.classification import tiny


def shown(algorithm, *more):
    """Labelled images of one batch, and the ones that they show."""
    experiment = tiny.experiment("runs/x", f"--algorithm={algorithm}", *more)
    task = Classification(experiment)
    split = make_split(task.source, 20, 50, 1)
    pipeline = task.pipeline(split, None, 1)
    images = task.source.train.take(split.labeled).images
    return pipeline.at(0)["x"].numpy(), images, task.source


@pytest.mark.parametrize(
    ("algorithm", "flag", "fill"),
    [
        ("supervised", (), None),
        ("supervised", ("--border=grey",), 128),
        ("realmix", ("--border=grey", "--copies=0"), 128),
        ("dmt_baseline", ("--augment=none",), 128),
        ("dmt_baseline", ("--augment=none", "--border=reflect"), None),
    ],
)
def test_batches_show_the_border_that_was_asked_for(algorithm, flag, fill):
    batch, images, source = shown(algorithm, *flag)

    variants = np.stack(
        [
            to_float(each).numpy()
            for image in images
            for each in oracle.variants(image, source.crop_padding, source.flip, fill)
        ]
    )
    for picture in batch:
        assert (variants == picture).all(axis=(1, 2, 3)).any()
