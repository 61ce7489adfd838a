"""Every flagfile for images trains."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms import base
from mixdmt_tf.cli import experiments
from mixdmt_tf.data.classification import pseudo_labels, selection, splits
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.tasks.classification import preparation
from tests.conformance.test_flagfiles import FLAGFILES, FOLDER, of_samples, parse

SHAPES = {  # of the real data, and their number of classes
    "cifar10": (32, 32, 3, 10),
    "cifar100": (32, 32, 3, 100),
    "svhn": (32, 32, 3, 10),
    "svhn_extra": (32, 32, 3, 10),
    "fashion_mnist": (28, 28, 1, 10),
    "stl10": (96, 96, 3, 10),
    "imagenet32": (32, 32, 3, 1000),
    "digits": (8, 8, 1, 10),
}


def stand_in(dataset, rows):
    """Random images of the shape of the real ones."""
    *shape, classes = SHAPES[dataset]
    rng = np.random.default_rng(0)
    labels = np.arange(rows, dtype=np.int32) % classes
    images = rng.integers(0, 256, (rows, *shape), np.uint8)
    names = tuple(f"class {c}" for c in range(classes))
    return Source(dataset, names, Images(images, labels), crop_padding=1)


def guesses(split, classes):
    """Random pseudo labels of all unlabelled images."""
    rng = np.random.default_rng(0)
    number = len(split.unlabeled)
    return pseudo_labels.PseudoLabels(
        split.unlabeled,
        rng.integers(0, classes, number, np.int32),
        rng.uniform(size=number).astype(np.float32),
        np.ones(number, bool),
    )


def choices(path):
    """What decides which code a flagfile runs: everything but numbers and lengths."""
    parsed = parse(path)
    method = parsed.values["run"]["algorithm"]
    found = {("run", name, parsed.values["run"][name]) for name in CHOSEN}
    for owner, group in ((method, "method"), ("data", "data")):
        for name, value in parsed.values[group].items():
            if name not in ("labels", "data_dir", *LENGTHS):
                number = type(value) in (int, float)
                found.add((owner, name, "a number" if number else value))
    return found


def all_choices_once(paths):
    """As few flagfiles as have each choice of each method in one.

    Or nearly: each time the one with the most choices that are in none so far.
    """
    found = {path: choices(path) for path in paths}
    left, taken = set().union(*found.values()), []
    while left:
        best = max(found, key=lambda path: len(found[path] & left))
        taken.append(best)
        left -= found[best]
    return sorted(taken)


CHOSEN = ("algorithm", "network")
LENGTHS = (
    "base_steps",
    "round_steps",
    "fractions",
    "difference_share",
    "crop",
    "scale",
)


def pretrained(path):
    """Whether it needs ImageNet weights; other flagfiles have the same methods."""
    network = parse(path).values["network"]
    return (
        network.get("pretrained") == "imagenet"
        and network.get("backbone", "efficientnet_lite0") == "efficientnet_lite0"
    )


TRAINED = all_choices_once(
    path for path in FLAGFILES if not of_samples(path) and not pretrained(path)
)


@pytest.mark.parametrize(
    "path", TRAINED, ids=[str(p.relative_to(FOLDER)) for p in TRAINED]
)
def test_it_trains_two_steps(path):
    # The rows differ in data and method; a small network of the same kind trains fast.
    small = {
        "wide_resnet": ["--depth=10", "--width=1", "--stages=1"],
        "cnn13": ["--filters=4"],
    }
    parsed = parse(path).values
    more = [*small[parsed["run"]["network"]], "--batch=4", "--copies_store=virtual"]
    if parsed["method"].get("unlabeled_ratio"):
        more.append("--unlabeled_ratio=2")
    experiment = experiments.build(parse(path, *more))
    dataset = experiment.data.dataset
    # As few labels as leave annealing what it is: for 250 or less.
    labels = min(experiment.data.labels or 300, 300)
    labels = max(labels, SHAPES[dataset][-1])
    source = selection.select(stand_in(dataset, 4 * labels), experiment.data)
    classes = source.num_classes
    split = splits.make_split(source, labels, 0, experiment.run.seed)
    method_class = algorithms.method("classification", experiment.algorithm)
    recipe = method_class.recipe(experiment.method)
    copies = preparation.unlabeled_copies(experiment, source, split)
    store = preparation.open_copies(experiment, copies)
    pipeline = Pipeline(
        source,
        split,
        recipe,
        experiment.run.seed,
        experiment.run.batch,
        store,
        len(copies),
    )
    if recipe.pseudo:
        pipeline = dataclasses.replace(pipeline, pseudo=guesses(split, classes))
    network = experiment.network.build(source.image_shape, classes)
    steps, unlabeled = experiment.run.steps or 100, len(split.unlabeled)
    task = base.RunFacts(classes, labels, steps, unlabeled=unlabeled)
    method = method_class(network, experiment.method, task)
    method.compile()
    before = network.get_weights()
    for step in (0, 1):
        logs = method.train_step(pipeline.at(step))
        assert all(np.isfinite(value) for value in logs.values())
    assert any((a != b).any() for a, b in zip(network.get_weights(), before))
