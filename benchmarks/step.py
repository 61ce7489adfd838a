"""Compares a step of any method with its bare passes through the networks.

    .venv/bin/python benchmarks/step.py [--rounds=10] [--json=FILE]
        [--methods=realmix,dmt] [flags of bin/train]

The whole step is that of a run: gathering, copies made on the fly, augmentation,
targets, masks, weights, decay, EMA, metrics. The bare step has the same passes on
arrays in memory (`passes.py`). Both run in turns in one process; the result is their
ratio. Images are random, 10,000 of 32x32 with ten classes, or with `--dataset=folder`
and a `--data_dir` those of a folder. For segmentation methods use
`--dataset=digit_scenes`, or voc with a `--data_dir`. With
`--steps_per_execution=N|auto` a call has that many whole steps, as in training, and
both are timed in turns of that many steps.

    benchmarks/step.py --network=wide_resnet --depth=16 --width=1
    benchmarks/step.py --network=small_cnn --steps_per_execution=auto
    benchmarks/step.py --methods=dmt --dataset=voc --data_dir=DIR --crop=321 --batch=1
"""

from __future__ import annotations

import gc
import resource
import time
from typing import Any, Callable, List, Sequence, Tuple

import figures
import keras
import numpy as np
import passes
import tensorflow as tf
from turns import medians_in_turns

from mixdmt_tf.algorithms import base
from mixdmt_tf.cli import experiments
from mixdmt_tf.data.classification import copies, datasets, pseudo_labels, splits
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.data.segmentation import datasets as scenes
from mixdmt_tf.data.segmentation import pipeline as scene_pipeline
from mixdmt_tf.data.segmentation import splits as scene_splits
from mixdmt_tf.runs import runtime
from mixdmt_tf.runs.training_loop import TIMED, steps_at_once
from mixdmt_tf.tasks import open_task

SEED, STEPS = 1, 100_000


def random_images() -> Source:
    """Returns a source of 10,000 random images of 32x32 in ten classes."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (10_000, 32, 32, 3), np.uint8)
    labels = (np.arange(10_000) % 10).astype(np.int32)
    names = tuple(map(str, range(10)))
    return Source("random", names, Images(pictures, labels), None, None, True, 4)


def classification(experiment: Any) -> Tuple[Any, Any, base.RunFacts]:
    """Returns network, batches and facts; 250 of the random images are labelled."""
    data = experiment.data
    if data.dataset == "folder":
        source, labels = datasets.load(data), data.labels
    else:
        source, labels = random_images(), 250
    split = splits.make_split(source, labels, 0, SEED)
    recipe = experiment.method_class().recipe(experiment.method)
    more: dict = {}
    if recipe.unlabeled_views:
        made = copies.of_split(source, split, data, SEED)
        more = {"store": made.maker(), "store_size": len(made)}
    if recipe.pseudo:
        number = len(split.unlabeled)
        more["pseudo"] = pseudo_labels.PseudoLabels(
            split.unlabeled,
            source.train.labels[split.unlabeled],
            np.full(number, 0.9, np.float32),
            np.arange(number) % 2 == 0,
        )
    batches = Pipeline(source, split, recipe, SEED, experiment.run.batch, **more)
    size = data.image_size
    classes, labeled = source.num_classes, len(split.labeled)
    network = experiment.network.build_at(size, source.image_shape, classes)
    unlabeled = len(split.unlabeled)
    facts = base.RunFacts(classes, labeled, STEPS, unlabeled=unlabeled, noise_rate=0.2)
    return network, batches, facts


def segmentation(experiment: Any) -> Tuple[Any, Any, base.RunFacts]:
    """Returns network, batches and facts for scenes, an eighth of them labelled."""
    data = experiment.data
    source = scenes.load(data)
    split = scene_splits.make_split(source, "1/8", 0)
    recipe = experiment.method_class().recipe(experiment.method)

    def guess(index: int) -> Tuple[np.ndarray, np.ndarray]:
        labels = source.train[index].labels()
        return labels, np.full(labels.shape, 0.9, np.float32)

    batches = scene_pipeline.Pipeline(
        source,
        split,
        SEED,
        experiment.run.batch,
        experiment.run.batch * recipe.unlabeled_ratio,
        guess if recipe.pseudo else None,
        recipe.boxes,
        data.crop_size,
        data.scale_range,
        recipe.keys,
    )
    shape = (*(data.crop_size or source.crop), 3)
    network = experiment.network.build_segmenter(shape, source.num_classes)
    return network, batches, base.RunFacts(source.num_classes, 8, STEPS)


def experiment_of(name: str, flags: Sequence[str]) -> Any:
    """Returns the settings of a method's run, and sets the precision."""
    argv = [f"--algorithm={name}", f"--steps={STEPS}", *flags]
    if not any(flag.startswith("--dataset") for flag in flags):
        argv.append("--dataset=cifar10")  # for its settings; its images are not read
    parsed = experiments.parse(argv, "train", "")
    experiment = open_task(experiments.build(parsed)).resolve()
    run = runtime.resolve(experiment.run, experiment.network)
    keras.mixed_precision.set_global_policy(run.precision)
    return experiment


def compiled(experiment: Any) -> Tuple[Any, Any]:
    """Returns the method, ready to train, and its batches."""
    make = segmentation if experiment.task == "segmentation" else classification
    network, batches, facts = make(experiment)
    method = experiment.method_class()(network, experiment.method, facts)
    method.compile()
    return method, batches


def pair(name: str, flags: Sequence[str]) -> Tuple[Callable, Callable, int, int]:
    """Returns bare and whole steps, steps per call, and the passes of one step."""
    experiment = experiment_of(name, flags)
    method, batches = compiled(experiment)
    found: List[passes.Pass] = []
    with passes.noted(type(method.network), found):
        method.train_step(batches.at(STEPS // 2))
    iterator = iter(batches.dataset(0, STEPS))
    step = tf.function(method.train_step, autograph=False)

    @tf.function
    def execute(steps: tf.Tensor) -> None:
        for _ in tf.range(steps):
            step(next(iterator))

    bare = passes.bare(found)
    at_once = experiment.run.steps_per_execution or 1
    if at_once == "auto":
        at_once = measured(lambda: execute(tf.constant(1)))

    @tf.function
    def execute_bare(steps: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0.0)  # unused results would be optimized away
        for _ in tf.range(steps):
            sums = [tf.cast(each, tf.float32) for each in tf.nest.flatten(bare())]
            total += tf.add_n([tf.constant(0.0), *sums])
        return total

    steps = tf.constant(at_once)
    return lambda: execute_bare(steps), lambda: execute(steps), at_once, len(found)


def measured(step: Callable[[], Any]) -> int:
    """Returns the steps per call that training would choose, by timing one step."""
    for _ in range(2):  # the first one is traced
        step()
    began = time.monotonic()
    for _ in range(TIMED):
        step()
    return steps_at_once((time.monotonic() - began) / TIMED, STEPS)


def main() -> None:
    """Times the steps of each method in turns and prints the medians."""
    parser = figures.parser(__doc__, rounds=10)
    parser.add_argument("--methods", default="realmix,dmt")
    arguments, flags = parser.parse_known_args()
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(SEED)
    rows = []
    for name in arguments.methods.split(","):
        bare, whole, at_once, number = pair(name, flags)
        for function in (bare, whole):
            function()
            function()
        medians = medians_in_turns({"bare": bare, "whole": whole}, arguments.rounds)
        rows.append(
            {
                "method": name,
                "passes": number,
                "steps a call": at_once,
                "bare step (ms)": 1000 * medians["bare"] / at_once,
                "whole step (ms)": 1000 * medians["whole"] / at_once,
                "ratio": medians["whole"] / medians["bare"],
            }
        )
        del bare, whole, function
        keras.backend.clear_session()
        gc.collect()
    figures.show(rows, arguments.json)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{keras.mixed_precision.global_policy().name}, peak memory {peak:.1f} GiB")


if __name__ == "__main__":
    main()
