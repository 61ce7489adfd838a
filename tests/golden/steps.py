"""A few float32 training steps of any method on the embedded data, from fixed seeds.

Initial weights are drawn by NumPy, so that they do not depend on how a library draws
its own.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.parts.groups import NETWORK
from mixdmt_tf.cli import experiments
from mixdmt_tf.data.classification import (
    copies,
    pipeline,
    pseudo_labels,
    splits,
)
from mixdmt_tf.data.classification import (
    datasets as sources,
)
from mixdmt_tf.data.segmentation import datasets as scenes
from mixdmt_tf.data.segmentation import pipeline as scene_pipeline
from mixdmt_tf.data.segmentation import splits as scene_splits
from mixdmt_tf.tasks import open_task

SEED = 3
STEPS = (30, 31, 32)  # late enough that every ramp has left 0
LENGTH = 100  # of the run that schedules are computed for
CLASSIFICATION = (
    *("--dataset=digits", "--labels=20", "--validation=0", "--batch=4"),
    *("--network=wide_resnet", "--depth=10", "--width=1", "--precision=float32"),
)
SEGMENTATION = (
    *("--dataset=digit_scenes", "--labels=8", "--network=small_segmenter"),
    *("--width=4", "--depth=2", "--crop=25", "--batch=2", "--precision=float32"),
)
# The discriminators of the papers leave nothing of crops of 25 pixels; the values of
# methods with a teacher were written when all images passed together, and others when
# they had the papers' values in runs of any length.
OF_METHODS = {
    "adversarial": ("--discriminator_layers=3",),
    "gct": ("--discriminator_layers=3",),
    "s4gan": ("--discriminator_layers=3",),
    "mean_teacher": ("--one_pass",),
    "cutmix": ("--one_pass",),
    "remixmatch": ("--lambda_u_ramp=16384",),
    "freematch": ("--threshold_decay=0.999",),
    "softmatch": ("--statistics_decay=0.999", "--sigmas=1"),
}


def classification(name: str) -> Dict[str, List[float]]:
    """Losses and weights of a method on handwritten digits."""
    return _train(*on_digits(name, *CLASSIFICATION))


def segmentation(name: str) -> Dict[str, List[float]]:
    """Losses and weights of a method on synthetic images of digits."""
    return _train(*on_scenes(name, *SEGMENTATION))


def on_digits(name: str, *flags: str) -> Tuple[Any, Any]:
    """A method of classification, not compiled, and the pipeline of its batches."""
    experiment = _experiment(name, flags)
    source = sources.load(experiment.data)
    split = splits.make_split(source, 20, 0, SEED)
    method = algorithms.method("classification", name)
    recipe = method.recipe(experiment.method)
    arguments: Dict[str, Any] = {}
    if recipe.unlabeled_views:
        made = copies.of_split(source, split, experiment.data, SEED)
        arguments = {"store": made.maker(), "store_size": len(made)}
    if recipe.pseudo:
        rng = np.random.default_rng(SEED)
        n = len(split.unlabeled)
        arguments["pseudo"] = pseudo_labels.PseudoLabels(
            split.unlabeled,
            rng.integers(0, 10, n).astype(np.int32),
            rng.uniform(0.2, 1, n).astype(np.float32),
            rng.uniform(size=n) < 0.5,
        )
    batches = pipeline.Pipeline(
        source, split, recipe, SEED, experiment.run.batch, **arguments
    )
    network = experiment.network.build(source.image_shape, source.num_classes)
    unlabeled = len(split.unlabeled)
    task = RunFacts(source.num_classes, 20, LENGTH, unlabeled=unlabeled, noise_rate=0.3)
    return method(network, experiment.method, task), batches


def on_scenes(name: str, *flags: str) -> Tuple[Any, Any]:
    """A method of segmentation, not compiled, and the pipeline of its batches."""
    experiment = _experiment(name, (*flags, *OF_METHODS.get(name, ())))
    data = experiment.data
    source = scenes.load(data)
    split = scene_splits.make_split(source, data.labels, SEED)
    method = algorithms.method("segmentation", name)
    recipe = method.recipe(experiment.method)

    def guesses(index: int):
        rng = np.random.default_rng(index)
        height, width = source.train[index].size()
        labels = rng.integers(0, source.num_classes, (height, width))
        labels[rng.uniform(size=labels.shape) < 0.3] = 255
        return labels.astype(np.uint8), rng.uniform(0.2, 1, labels.shape)

    batches = scene_pipeline.Pipeline(
        source,
        split,
        SEED,
        experiment.run.batch,
        experiment.run.batch * recipe.unlabeled_ratio,
        guesses if recipe.pseudo else None,
        recipe.boxes,
        data.crop_size,
        data.scale_range,
        recipe.keys,
    )
    network = experiment.network.build_segmenter(
        (*data.crop_size, 3), source.num_classes
    )
    task = RunFacts(source.num_classes, 8, LENGTH)
    return method(network, experiment.method, task), batches


def _experiment(name: str, flags) -> Any:
    argv = [f"--algorithm={name}", *flags]
    parsed = experiments.parse(argv, "train", "")
    return open_task(experiments.build(parsed)).resolve()


def _train(method: Any, batches: Any) -> Dict[str, List[float]]:
    draw_weights(method)
    losses: List[float] = []
    for step in STEPS:
        means = method.train_step(batches.at(step))
        losses += [float(means[name]) for name in sorted(means)]
        for metric in method.metrics:
            metric.reset_state()
    return {
        "losses": losses,
        "weights": [_projected(each) for each in weights(method).values()],
    }


def draw_weights(method: Any) -> None:
    """Compiles a method and gives it weights that no library has drawn."""
    method.compile()
    rng = np.random.default_rng(SEED)
    for network in filter(None, (method.network, method.peer)):
        values = [_drawn(rng, weight) for weight in network.weights]
        last = max(i for i, w in enumerate(network.weights) if "kernel" in w.name)
        values[last] *= 4  # sure enough of some images for confidence thresholds
        network.set_weights(values)
    for decoder in getattr(method, "auxiliary", ()):
        decoder.set_weights([_drawn(rng, weight) for weight in decoder.weights])
    method.average.restart()
    for weight in (each for group in _others(method).values() for each in group):
        weight.assign(_drawn(rng, weight))


def weights(method: Any) -> Dict[str, List[np.ndarray]]:
    """All weights: of each network, the averages, and of each further group."""
    networks = {"network": method.network, "peer": method.peer}
    found = {name: n.get_weights() for name, n in networks.items() if n}
    found["average"] = [average.numpy() for average in method.average.averages]
    for name, group in _others(method).items():
        found[name] = [np.asarray(weight) for weight in group]
    return found


def _others(method: Any) -> Dict[str, List[Any]]:
    return {n: each.weights for n, each in method.groups.items() if n != NETWORK}


def _drawn(rng: np.random.Generator, weight: Any) -> np.ndarray:
    shape = tuple(weight.shape)
    if "kernel" in weight.name:
        fan_in = int(np.prod(shape[:-1]))
        return rng.normal(0, (2 / fan_in) ** 0.5, shape)
    positive = "gamma" in weight.name or "variance" in weight.name
    return rng.uniform(0.8, 1.2, shape) if positive else rng.normal(0, 0.05, shape)


def _projected(weights: List[np.ndarray]) -> float:
    """One number that no weight may change without changing it."""
    rng = np.random.default_rng(0)
    return float(sum(np.sum(w * rng.normal(size=w.shape)) for w in weights))


def digests() -> Dict[str, str]:
    """Of splits and of augmented copies, which are the same on every machine."""
    found = {}
    data = _experiment("realmix", CLASSIFICATION).data
    source = sources.load(data)
    split = splits.make_split(source, 20, 10, SEED)
    found["split"] = split.digest()
    made = copies.of_split(source, split, data, SEED)
    first = made.maker()(tf.range(64, dtype=tf.int64)).numpy()
    found["copies"] = hashlib.sha256(first.tobytes()).hexdigest()
    source = scenes.load(_experiment("dmt", SEGMENTATION).data)
    split = scene_splits.make_split(source, "1/10", 0)
    found["segmentation split"] = split.digest()
    return found
