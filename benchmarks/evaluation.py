"""What evaluation and pseudo-labelling cost beyond the forward passes they consist of.

    .venv/bin/python benchmarks/evaluation.py [--rounds=5] [--json=FILE]

The bare passes are those of the same float32 network over the same arrays. Images are
random, 2,000 of 32x32 for a WRN-28-2, and 40 scenes of 240x320 for the small segmenter.
Labels of scenes are also written to the disk, as a round does it.
"""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any, Callable, Dict

import figures
import numpy as np
import tensorflow as tf
from PIL import Image
from turns import medians_in_turns

from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.models.small_segmenter import SmallSegmenter
from mixdmt_tf.models.wide_resnet import WideResNet
from mixdmt_tf.tasks.classification import scoring
from mixdmt_tf.tasks.segmentation import scoring as scene_scoring

IMAGES, SCENES, SIDES = 2000, 40, (240, 320)


def of_images() -> Dict[str, Callable[[], Any]]:
    """Bare passes, and the score, of images with one class each."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, IMAGES).astype(np.int32)
    scorer = scoring.Scorer(WideResNet(), (32, 32, 3), 10)
    weights = scorer.network.get_weights()
    forward = tf.function(lambda x: scorer.network(to_float(x)), autograph=False)
    parts = [
        tf.constant(pixels[start : start + scoring.BATCH])
        for start in range(0, IMAGES, scoring.BATCH)
    ]
    return {
        "bare": lambda: [forward(part).numpy() for part in parts],
        "whole": lambda: scoring.score(scorer, weights, Images(pixels, labels)),
    }


def of_scenes(folder: pathlib.Path) -> Dict[str, Callable[[], Any]]:
    """Bare passes of scenes, labels of them, and labels that are written as PNG."""
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 256, (SCENES, *SIDES, 3), np.uint8)
    scorer = scene_scoring.Scorer(SmallSegmenter(), 11)
    forward = tf.function(
        lambda x: tf.argmax(scorer.network(to_float(x)), -1), autograph=False
    )
    height, width = (-(-(side - 1) // 8) * 8 + 1 for side in SIDES)
    padding = ((0, height - SIDES[0]), (0, width - SIDES[1]), (0, 0))
    ready = [tf.constant(np.pad(s, padding, mode="edge")[np.newaxis]) for s in scenes]

    def written() -> None:
        for index, scene in enumerate(scenes):
            classes, doubt = scorer.guess(scene)
            Image.fromarray(classes).save(folder / f"{index}.png", compress_level=1)
            np.save(folder / f"{index}.npy", doubt)

    return {
        "bare": lambda: [forward(scene).numpy() for scene in ready],
        "whole": lambda: [scorer.guess(scene) for scene in scenes],
        "written": written,
    }


def main() -> None:
    """Runs them in turns and prints the medians."""
    arguments = figures.parser(__doc__, rounds=5).parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        measured = {
            "score of images": of_images(),
            "labels of scenes": of_scenes(pathlib.Path(folder)),
        }
        for name, functions in measured.items():
            for function in functions.values():
                function()
            medians = medians_in_turns(functions, arguments.rounds)
            for kind in list(functions)[1:]:
                rows.append(
                    {
                        "what": name if kind == "whole" else f"{name}, {kind}",
                        "bare passes (s)": medians["bare"],
                        "seconds": medians[kind],
                        "ratio": medians[kind] / medians["bare"],
                    }
                )
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
