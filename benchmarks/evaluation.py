"""Measures the cost of evaluation and pseudo-labelling beyond their forward passes.

    .venv/bin/python benchmarks/evaluation.py [--rounds=5] [--json=FILE]

The bare passes use the same float32 network on the same arrays. Images are random,
2,000 of 32x32 for a WRN-28-2, and 40 scenes of 240x320 for the small segmenter. Images
are scored, pseudo-labelled, and predicted from PNG files. For scenes, each row adds one
operation to the row above, from bare passes up to labels as a round writes them to the
disk; the last row reads PNG files and writes label maps and overlays as `bin/predict`
does. Checking an exported model is compared with only writing the model.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import tempfile
import types
from typing import Any, Callable, Dict, List, Sequence, Tuple

import figures
import numpy as np
import tensorflow as tf
from PIL import Image
from turns import medians_in_turns

from mixdmt_tf.data.classification import splits
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.data.segmentation import source as scene_source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.models.layers.borders import repeated_border
from mixdmt_tf.models.small_segmenter import SmallSegmenter
from mixdmt_tf.models.wide_resnet import WideResNet
from mixdmt_tf.runs import export
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification import commands, labeling, scoring
from mixdmt_tf.tasks.segmentation import labeling as scene_labeling
from mixdmt_tf.tasks.segmentation import prediction
from mixdmt_tf.tasks.segmentation import scoring as scene_scoring

IMAGES, SCENES, SIDES = 2000, 40, (240, 320)
NAMES = tuple(map(str, range(10)))
Functions = Dict[str, Callable[[], Any]]  # the others are compared with the first one


def of_images(folder: pathlib.Path) -> Functions:
    """Returns bare passes, scoring, labelling and prediction of one-class images."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    labels = (np.arange(IMAGES) % 10).astype(np.int32)
    scorer = scoring.Scorer(WideResNet(), (32, 32, 3), 10)
    weights = scorer.network.get_weights()
    forward = tf.function(lambda x: scorer.network(to_float(x)), autograph=False)
    parts = [
        tf.constant(pixels[start : start + scoring.BATCH])
        for start in range(0, IMAGES, scoring.BATCH)
    ]
    # The split also needs ten labelled images.
    more = np.concatenate([pixels[:10], pixels]), np.concatenate([labels[:10], labels])
    source = Source("random", NAMES, Images(*more), None, None, True, 4)
    split = splits.make_split(source, 10, 0, seed=1)
    model = Trained(scorer, weights, weights, NAMES, (32, 32, 3), 0)
    paths = [folder / f"{index:04}.png" for index in range(IMAGES)]
    for path, picture in zip(paths, pixels):
        Image.fromarray(picture).save(path)
    settings = types.SimpleNamespace(
        weights="ema", on_bad_image="error", raw_names=False, output=folder / "a.csv"
    )
    return {
        "bare": lambda: [forward(part).numpy() for part in parts],
        "score of images": lambda: scoring.score(
            scorer, weights, Images(pixels, labels)
        ),
        "pseudo labels of images": lambda: labeling.label(model, source, split, 0.5),
        "predictions of PNG files": lambda: commands.predict(
            model, folder, paths, settings
        ),
    }


@dataclasses.dataclass(frozen=True)
class Scene(scene_source.Sample):
    """A scene in memory."""

    pixels: Any = None

    def image(self) -> np.ndarray:
        """Returns the image."""
        pixels: np.ndarray = self.pixels
        return pixels

    def size(self) -> Tuple[int, int]:
        """Returns (H, W)."""
        return SIDES


def made_up_scenes() -> List[np.ndarray]:
    """Returns smooth images with some noise, which compress like photographs."""
    rng = np.random.default_rng(0)
    scenes = []
    for _ in range(SCENES):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
        smooth = np.asarray(coarse.resize(SIDES[::-1], Image.Resampling.BICUBIC))
        noisy = smooth + rng.normal(0, 3, smooth.shape)
        scenes.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return scenes


def asked(scenes: Sequence[np.ndarray], scorer: Any, weights: Any) -> Tuple[Any, ...]:
    """Returns data set and split of scenes, all unlabelled, and a model."""
    names = tuple(map(str, range(11)))
    samples = [Scene(f"{index:04}", False, scene) for index, scene in enumerate(scenes)]
    source = scene_source.Source("scenes", names, samples, ())
    nothing = np.zeros(0, np.int64)
    split = Split("scenes", 0, "", nothing, np.arange(SCENES), nothing, True)
    model = types.SimpleNamespace(
        scorer=scorer,
        weights=lambda _: weights,
        class_names=names,
        colours=scene_source.voc_colours(11),
        image_shape=(None, None, 3),
        bands=None,
    )
    return source, split, model


def of_scenes(folder: pathlib.Path) -> Functions:
    """Returns bare passes of scenes, and functions that add one operation each."""
    scenes = made_up_scenes()
    scorer = scene_scoring.Scorer(SmallSegmenter(), 11)
    weights = scorer.network.get_weights()
    height, width = (-(-(side - 1) // 8) * 8 + 1 for side in SIDES)
    padding = ((0, height - SIDES[0]), (0, width - SIDES[1]), (0, 0))
    ready = [tf.constant(np.pad(s, padding, mode="edge")[np.newaxis]) for s in scenes]
    given = [tf.constant(scene[np.newaxis]) for scene in scenes]

    def bare(padded: tf.Tensor) -> tf.Tensor:
        return tf.argmax(scorer.network(to_float(padded)), -1)

    def padded(scene: tf.Tensor) -> tf.Tensor:
        logits = scorer.network(to_float(repeated_border(scene, scorer.stride)))
        return tf.argmax(logits[:, : SIDES[0], : SIDES[1]], -1)

    def softmax(scene: tf.Tensor) -> tf.Tensor:
        return tf.argmax(scorer.probabilities(scene), -1)

    def largest(scene: tf.Tensor) -> Any:
        probs = scorer.probabilities(scene)
        return tf.argmax(probs, -1), tf.reduce_max(probs, -1)

    def each(function: Callable[..., Any], arrays: Any) -> Callable[[], Any]:
        compiled = tf.function(function, autograph=False)
        return lambda: [tf.nest.map_structure(np.asarray, compiled(a)) for a in arrays]

    source, split, model = asked(scenes, scorer, weights)
    labels, output = folder / "labels", folder / "predictions"
    (folder / "scenes").mkdir()
    paths = [folder / "scenes" / f"{index:04}.png" for index in range(SCENES)]
    for path, scene in zip(paths, scenes):
        Image.fromarray(scene).save(path)
    gallery = prediction.open_gallery(model, folder / "scenes", paths, output)

    def written() -> None:
        shutil.rmtree(labels, ignore_errors=True)
        scene_labeling.guess(model, source, split, labels)

    def predicted() -> None:
        prediction.write(model, weights, gallery, lambda done, total: None)

    return {
        "bare": each(bare, ready),
        "scenes: border": each(padded, given),
        "scenes: and softmax": each(softmax, given),
        "scenes: scored": lambda: [scorer.classes(scene) for scene in scenes],
        "scenes: and the largest probability": each(largest, given),
        "scenes: labels, with float16 doubt": lambda: [scorer.guess(s) for s in scenes],
        "scenes: labels, written": written,
        "scenes: predictions of PNG files": predicted,
    }


def of_export(folder: pathlib.Path) -> Functions:
    """Returns functions that write a SavedModel, without and with checking it."""
    scorer = scoring.Scorer(WideResNet(), (32, 32, 3), 10)
    weights = scorer.network.get_weights()

    def write() -> None:
        shutil.rmtree(folder / "bare", ignore_errors=True)
        export._saved_model(scorer, folder / "bare", NAMES, None, None)

    def checked() -> None:
        export.export("saved_model", scorer, weights, NAMES, folder / "checked")

    return {"bare": write, "export, checked": checked}


def main() -> None:
    """Times all in turns and prints the medians."""
    arguments = figures.parser(__doc__, rounds=5).parse_args()
    rows = []
    for make in (of_images, of_scenes, of_export):
        with tempfile.TemporaryDirectory() as folder:
            functions = make(pathlib.Path(folder))
            for function in functions.values():
                function()
            medians = medians_in_turns(functions, arguments.rounds)
        for name in list(functions)[1:]:
            rows.append(
                {
                    "what": name,
                    "bare (s)": medians["bare"],
                    "seconds": medians[name],
                    "ratio": medians[name] / medians["bare"],
                }
            )
    figures.show(rows, arguments.json)


if __name__ == "__main__":
    main()
