"""Every flagfile names its experiment, parses, and trains."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from mixdmt_tf import algorithms, models
from mixdmt_tf.algorithms import base
from mixdmt_tf.cli import experiments
from mixdmt_tf.data import splits
from mixdmt_tf.data.pipeline import Pipeline
from mixdmt_tf.data.source import Images, Source
from mixdmt_tf.experiments import preparation

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "flags"
FLAGFILES = sorted(p for p in FOLDER.rglob("*.flags") if p.parent.name != "base")
SHAPES = {  # of the real data, and their number of classes
    "cifar10": (32, 32, 3, 10),
    "cifar100": (32, 32, 3, 100),
    "svhn": (32, 32, 3, 10),
    "svhn_extra": (32, 32, 3, 10),
    "fashion_mnist": (28, 28, 1, 10),
    "stl10": (96, 96, 3, 10),
    "digits": (8, 8, 1, 10),
}

per_flagfile = pytest.mark.parametrize(
    "path", FLAGFILES, ids=[str(p.relative_to(FOLDER)) for p in FLAGFILES]
)


def parse(path, *more):
    return experiments.parse([f"--flagfile={path}", *more], "train", "")


def stand_in(dataset, rows):
    """Random pictures of the shape of the real ones."""
    *shape, classes = SHAPES[dataset]
    rng = np.random.default_rng(0)
    labels = np.arange(rows, dtype=np.int32) % classes
    images = rng.integers(0, 256, (rows, *shape), np.uint8)
    names = tuple(f"class {c}" for c in range(classes))
    return Source(dataset, names, Images(images, labels), crop_padding=1)


def test_there_are_flagfiles():
    assert len(FLAGFILES) >= 14


@per_flagfile
def test_it_opens_with_what_it_reproduces(path):
    title, *lines = path.read_text(encoding="utf-8").splitlines()
    name = path.relative_to(ROOT)
    assert title.startswith("# ") and title.endswith(".")
    assert lines[0].startswith("# Paper: ")
    assert lines[1].startswith("# Published error: ")
    assert lines[2].startswith("# Cost: ")
    assert lines[3].startswith("# Command: bin/") and str(name) in lines[3]


@per_flagfile
def test_its_command_parses(path, monkeypatch):
    command = path.read_text(encoding="utf-8").split("# Command: ")[1].splitlines()[0]
    script, *arguments = command.split()
    assert (ROOT / script).is_file()
    monkeypatch.chdir(ROOT)
    algorithm = {"bin/train_realmix": "realmix"}.get(script)
    assert experiments.parse(arguments, script, "", algorithm).values


@per_flagfile
def test_it_trains_two_steps(path):
    # The rows differ in data and method; a small network of the same kind trains fast.
    parsed = parse(
        path, "--depth=10", "--width=1", "--batch=4", "--copies_store=virtual"
    )
    labels = parsed.values["data"]["labels"]
    experiment = experiments.build(parsed)
    classes = SHAPES[experiment.data.dataset][-1]
    source = stand_in(experiment.data.dataset, labels + classes)
    split = splits.make_split(source, labels, 0, experiment.run.seed)
    module = algorithms.algorithm(experiment.algorithm)
    recipe = module.Method.recipe(experiment.method)
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
    network = models.network(experiment.run.network).build(
        experiment.network, source.image_shape, classes
    )
    task = base.Task(classes, labels, experiment.run.steps)
    method = module.Method(network, experiment.method, task)
    method.compile()
    before = network.get_weights()
    for step in (0, 1):
        logs = method.train_step(pipeline.at(step))
        assert all(np.isfinite(value) for value in logs.values())
    assert any((a != b).any() for a, b in zip(network.get_weights(), before))


def test_the_papers_rows_differ_only_where_they_should():
    values = {
        path.stem: experiments.build(parse(path)).to_flags()
        for path in FLAGFILES
        if path.stem in ("cifar10_250", "cifar10_4000", "svhn_250", "released")
    }
    reference = values["cifar10_250"]

    def changed(name):
        return {k for k, v in values[name].items() if v != reference[k]}

    assert changed("cifar10_4000") == {"labels"}
    assert changed("svhn_250") == {"dataset", "lambda_u"}
    assert changed("released") == {"tsa", "tsa_target"}
    assert reference["lambda_u"] == "75.0" and values["svhn_250"]["lambda_u"] == "250.0"
