"""Measures time and memory of a step as the data set grows.

    .venv/bin/python benchmarks/sizes.py [--rounds=20] [--json=FILE]
        [--images=1000,10000,100000,1000000] [--copies=1,50] [--store=folder]

The steps are MixMatch's on a small network, so that its own cost hides little, with
random images of 8x8, 1,000 of them labelled, and copies made on the fly. All sizes take
turns, so all images are in memory at once; `index` is the memory that a pipeline adds.
With `--store=folder` the images are PNG files in a folder per class, up to about
100,000, which `--dataset=folder` finds and decodes into a separate cache: `found` are
the seconds of that, `again` those of a second time.
"""

from __future__ import annotations

import pathlib
import resource
import tempfile
import time
from typing import Any, Callable, Dict, Tuple

import figures
import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from turns import medians_in_turns

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import mixmatch
from mixdmt_tf.data.classification import datasets, splits
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.copies import Copies
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.models.small_cnn import SmallCNN

SIDE, CLASSES, STEPS = 8, 10, 1_000_000


def resident() -> float:
    """Returns the largest resident memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def random_images(number: int) -> Source:
    """Returns a source of random images in memory."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (number, SIDE, SIDE, 3), np.uint8)
    labels = (np.arange(number) % CLASSES).astype(np.int32)
    names = tuple(map(str, range(CLASSES)))
    return Source("random", names, Images(pixels, labels), None, None, True, 1)


def files(number: int, place: pathlib.Path) -> Tuple[Source, Dict[str, float]]:
    """Writes the same images as PNG files; also returns the seconds to load them."""
    images = random_images(number).train
    for index, (picture, label) in enumerate(zip(images.images, images.labels)):
        folder = place / "train" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{index:07}.png")
    config = Config(
        dataset="folder",
        data_dir=str(place),
        cache_dir=str(place / "cache"),
        image_size=SIDE,
        image_store="disk",
    )
    seconds = {}
    for when in ("found (s)", "again (s)"):
        begun = time.perf_counter()
        source = datasets.load(config)
        seconds[when] = time.perf_counter() - begun
    return source, seconds


def stepping(source: Source, copies: int) -> Tuple[Callable[[], Any], float]:
    """Returns a step on these images, and the MiB added to those of the images."""
    number, pixels = len(source.train), source.train.images
    before = resident()
    split = splits.make_split(source, min(1000, number // 2), 0, seed=1)
    settings = mixmatch.Config()
    made = Copies(pixels, split.unlabeled, copies, "cutout", 1, "random", 1, True)
    recipe = mixmatch.MixMatch.recipe(settings)
    batches = Pipeline(source, split, recipe, 1, 64, made.maker(), len(made))
    network = SmallCNN().build((SIDE, SIDE, 3), CLASSES)
    facts = base.RunFacts(CLASSES, len(split.labeled), STEPS)
    method = mixmatch.MixMatch(network, settings, facts)
    method.compile()
    iterator = iter(batches.dataset(0, STEPS))
    step = tf.function(method.train_step, autograph=False)
    for _ in range(3):
        step(next(iterator))
    return lambda: step(next(iterator)), resident() - before


def main() -> None:
    """Times all sizes in turns and prints the medians."""
    parser = figures.parser(__doc__, rounds=20)
    parser.add_argument("--images", default="1000,10000,100000,1000000")
    parser.add_argument("--copies", default="1,50")
    parser.add_argument("--store", default="memory", choices=("memory", "folder"))
    arguments = parser.parse_args()
    keras.utils.set_random_seed(1)
    numbers, kinds = (
        [int(each) for each in text.split(",")]
        for text in (arguments.images, arguments.copies)
    )
    # So that no size includes the one-time setup of TensorFlow.
    stepping(random_images(1000), 1)
    cases, loading = {}, {}
    with tempfile.TemporaryDirectory() as place:
        for number in numbers:
            loading[number] = {}
            if arguments.store == "folder":
                folder = pathlib.Path(place, str(number))
                source, loading[number] = files(number, folder)
            else:
                source = random_images(number)
            cases.update({(number, c): stepping(source, c) for c in kinds})
        functions = {case: step for case, (step, _) in cases.items()}
        medians = medians_in_turns(functions, arguments.rounds)
    smallest = medians[numbers[0], kinds[0]]
    rows = [
        {
            "images": images,
            "copies": copies,
            "step (ms)": 1000 * medians[images, copies],
            "of the smallest": medians[images, copies] / smallest,
            "index (MiB)": cases[images, copies][1],
            **loading[images],
        }
        for images, copies in cases
    ]
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
