"""Flagfiles for images: what DMT's Table 1 says, and every one of them trains."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.algorithms import base
from mixdmt_tf.cli import experiments
from mixdmt_tf.data.segmentation.pipeline import Pipeline
from mixdmt_tf.data.segmentation.source import Sample, Source
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.tables import table_ini
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.segmentation.preparation import round_steps
from tests.conformance.test_flagfile_steps import all_choices_once, pretrained
from tests.conformance.test_flagfiles import FLAGFILES, FOLDER, of_samples, parse

CLASSES = {"voc": 21, "cityscapes": 19, "digit_scenes": 11}  # of the real data
SIZE = (30, 40)
TRAINED = all_choices_once(
    path for path in FLAGFILES if of_samples(path) and not pretrained(path)
)


def flags_of(name):
    """All settings of a flagfile of DMT as the texts of flags."""
    return experiments.build(parse(FOLDER / "dmt" / f"{name}.flags")).to_flags()


# Flagfile; gamma_1 = gamma_2, learning rate, epochs, batch size, batch ratio.
TABLE_1 = [
    ("voc_8", "1/8", 5, 1e-3, 5, 8, 7),
    ("voc_20", "1/20", 5, 1e-3, 4, 8, 7),
    ("voc_50", "1/50", 5, 1e-3, 4, 8, 7),
    ("voc_106", "1/106", 5, 1e-3, 4, 8, 7),
    ("cityscapes_8", "1/8", 3, 4e-3, 10, 8, 3),
    ("cityscapes_30", "1/30", 3, 4e-3, 8, 8, 7),
]


@pytest.mark.parametrize("row", TABLE_1, ids=[row[0] for row in TABLE_1])
def test_the_rows_of_dmt_are_those_of_its_table_1(row):
    name, labels, gamma, rate, epochs, batch, ratio = row
    found = flags_of(name)
    assert (found["labels"], found["dataset"]) == (labels, name.split("_")[0])
    assert (float(found["gamma1"]), float(found["gamma2"])) == (gamma, gamma)
    assert float(found["learning_rate"]) == rate
    assert float(found["round_epochs"]) == epochs
    assert int(found["unlabeled_ratio"]) == ratio
    assert int(found["batch"]) * (1 + ratio) == int(found["base_batch"]) == batch
    # The same in all rows: sections 4.2 and 5.2, appendix B.
    city = name.startswith("city")
    assert float(found["base_learning_rate"]) == (4e-3 if city else 2e-3)
    assert float(found["base_epochs"]) == (60 if city else 30)
    known = {
        "algorithm": "dmt",
        "network": "deeplab_v2",
        "depth": "101",
        "output_stride": "8",
        "rates": "6,12,18,24",
        "models": "2",
        "rounds": "5",
        "fractions": "20,40,60,80,100",
        "optimizer": "sgd",
        "momentum": "0.9",
        "learning_rate_schedule": "poly",
        "ema_decay": "0.0",
        "restart": "false",
        "snapshot": "last",
    }
    assert {key: found[key] for key in known} == known
    # Where labels are scarce both networks start from weights of COCO.
    scarce = name in ("voc_50", "voc_106")
    assert found["difference_share"] == ("0.8" if scarce else "none")
    assert found["normalization"] == "coco"
    assert found["normalization_b"] == ("same" if scarce else "imagenet")


@pytest.mark.parametrize(
    "name, unlabeled, steps",
    [
        ("voc_8", 10582 - 1322, 6615),
        ("voc_20", 10582 - 530, 5744),
        ("voc_50", 10582 - 211, 5928),
        ("voc_106", 10582 - 100, 5992),
        ("cityscapes_8", 2975 - 371, 4340),
        ("cityscapes_30", 2975 - 100, 3288),
        ("table_5/dmt", 9118, 6515),
    ],
)
def test_rounds_are_as_long_as_their_flagfiles_say(name, unlabeled, steps):
    found = flags_of(name)
    rows = int(found["batch"]) * int(found["unlabeled_ratio"])
    assert round_steps(float(found["round_epochs"]), unlabeled, rows) == steps
    text = (FOLDER / "dmt" / f"{name}.flags").read_text("utf-8")
    assert f"ten rounds of {steps:,} steps" in text


def test_the_release_differs_from_the_paper_where_it_should():
    paper, released = flags_of("voc_20"), flags_of("released_segmentation")
    changed = {name: released[name] for name in paper if released[name] != paper[name]}
    assert changed == {"rates": "6,12", "count": "released", "snapshot": "best"}


@pytest.mark.parametrize("name", ["dmt/4", "dmt/6"])
def test_own_flagfiles_say_the_same_as_the_tables(name):
    """Settings, and what is published."""
    table = table_ini.load(FOLDER, name)
    data = {"dmt/4": "voc", "dmt/6": "cityscapes"}[name]
    for column in table.columns:
        path = table.flagfile("dmt", "paper", column)
        name_of = "oracle" if column == "1/1" else column[2:]
        own, labels = FOLDER / "dmt" / f"{data}_{name_of}.flags", f"--labels={column}"
        assert parse(own, labels).values == parse(path, labels).values
        number = table.rows["dmt"].published[column].text
        assert f"# Published mean IoU: {number}\n" in own.read_text("utf-8")


@pytest.mark.parametrize("name", ["dmt/4", "dmt/6"])
def test_an_oracle_sees_the_crops_of_its_row(name):
    """It is labels alone with the network and the images of the row."""
    table = table_ini.load(FOLDER, name)
    alike = ("crop", "scale", "normalization", "rates", "output_stride")
    for row in table.rows:
        one, other = (
            experiments.build(parse(table.flagfile(row, "paper", column))).to_flags()
            for column in ("1/8", "1/1")
        )
        for key in alike:
            assert one.get(key) == other.get(key), (row, key)


def test_ablations_differ_from_dmt_only_where_they_should():
    """Table 7: Online ST and the baseline have no rounds."""
    reference = flags_of("table_7/dmt")
    alone = {"models", "difference_share"}
    rows = {"dmt_naive": set(), "dmt_flip": set(), "dst": alone, "cbst": alone}
    for name, more in rows.items():
        found = flags_of(f"table_7/{name}")
        both = [key for key in reference if key in found]
        changed = {key for key in both if found[key] != reference[key]}
        assert changed == {"algorithm", *more}
    assert set(reference) - set(flags_of("table_7/cbst")) == {"gamma1", "gamma2"}


@dataclasses.dataclass(frozen=True)
class Noise(Sample):
    """An image that shows nothing."""

    classes: int = 2

    def size(self):
        return SIZE

    def image(self):
        return self._numbers(256, (*SIZE, 3))

    def labels(self):
        return self._numbers(self.classes, SIZE)

    def _numbers(self, stop, shape):
        rng = np.random.default_rng(int(self.name))
        return rng.integers(0, stop, shape, np.uint8)


def stand_in(dataset):
    """Thirty images, of which eight are on a list."""
    classes = CLASSES[dataset]
    train = tuple(Noise(f"{i:02}", classes=classes) for i in range(30))
    return Source(
        dataset,
        tuple(f"class {c}" for c in range(classes)),
        train,
        train[:1],
        lists={"train": tuple(sample.name for sample in train[:8])},
    )


def guesses(classes):
    """Random pseudo labels, some of them none, of any image."""

    def guess(sample_id):
        rng = np.random.default_rng(sample_id)
        labels = rng.integers(0, classes + 1, SIZE, np.uint8)
        return np.where(labels == classes, 255, labels), rng.uniform(size=SIZE)

    return guess


@pytest.mark.parametrize(
    "path", TRAINED, ids=[str(p.relative_to(FOLDER)) for p in TRAINED]
)
def test_it_trains_two_steps(path):
    # The rows differ in data and method; a small network of the same kind trains fast.
    parsed = parse(path).values
    more = ["--width=4", "--batch=2", "--crop=33"]
    if parsed["run"]["network"] == "deeplab_v2":
        more.append("--depth=14")
    if parsed["network"].get("backbone", "").startswith("resnet"):
        more += ["--backbone=efficientnet_lite0", "--pretrained=none"]
    if parsed["method"].get("unlabeled_ratio"):
        more.append("--unlabeled_ratio=2")
    if parsed["method"].get("discriminator_layers"):
        more += ["--discriminator_layers=3", "--discriminator_width=4"]
    if parsed["data"]["labels"]:
        more.append("--labels=8")
    experiment = experiments.build(parse(path, *more))
    samples = stand_in(experiment.data.dataset)
    split = choose_split(open_task(experiment, samples))
    method_class = experiment.method_class()
    recipe = method_class.recipe(experiment.method)
    pipeline = Pipeline(
        samples,
        split,
        experiment.run.seed,
        experiment.run.batch,
        experiment.run.batch * recipe.unlabeled_ratio,
        guesses(samples.num_classes) if recipe.pseudo else None,
        recipe.boxes,
        experiment.data.crop_size,
        experiment.data.scale_range,
        recipe.keys,
    )
    network = experiment.network.build_segmenter(
        (*experiment.data.crop_size, 3), samples.num_classes
    )
    task = base.RunFacts(samples.num_classes, 8, experiment.run.steps or 100)
    method = method_class(network, experiment.method, task)
    method.compile()
    before = network.get_weights()
    for step in (0, 1):
        logs = method.train_step(pipeline.at(step))
        assert all(np.isfinite(value) for value in logs.values())
    assert any((a != b).any() for a, b in zip(network.get_weights(), before))
