"""From a stage of a loop on images to the settings of its run."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import splits
from mixdmt_tf.models import deeplab_v2
from mixdmt_tf.rounds import plan
from mixdmt_tf.rounds.stages import Stages
from mixdmt_tf.runs.splits import open_split
from mixdmt_tf.tasks import open_task
from tests.tasks.segmentation import short


@pytest.fixture(scope="module")
def dmt():
    """Settings of two networks that teach each other."""
    return short.experiment("runs/x", "--algorithm=dmt", *short.ROUNDS, "--rounds=2")


def stages(found, path, network=None, **values):
    """The stages of a run whose folder is there."""
    found = short.changed(found, **values)
    if network:
        found = dataclasses.replace(found, network=network)
    method = found.method
    split = open_split(open_task(found, short.load()), path)
    shares = plan.fractions(method.fractions, method.rounds)
    planned = plan.stages(shares, method.models, method.restart)
    hooks = open_task(found, short.load()).rounds(path, split)
    return Stages(found, path, split, hooks, planned)


def test_algorithm_2(dmt, tmp_path):
    """B learns from what A says, then A from what the old B said (steps 13 to 16)."""
    found = stages(dmt, tmp_path)
    taught = [(s.name, s.teacher, s.start, s.fraction) for s in found.all]
    assert taught == [
        ("base_a", None, None, 0.0),
        ("base_b", None, None, 0.0),
        ("round_1_b", "base_a", "base_b", 0.5),
        ("round_1_a", "base_b", "base_a", 0.5),
        ("round_2_b", "round_1_a", "round_1_b", 1.0),
        ("round_2_a", "round_1_b", "round_1_a", 1.0),
    ]
    for stage in found.all[2:]:
        run = found.settings(stage)
        assert run.run.init_from == str(tmp_path / stage.start)
        labels = tmp_path / "pseudo_labels" / stage.name
        assert (
            run.data.pseudo_labels
            == str(labels)
            == str(found.hooks.labels_place(stage))
        )
        assert run.data.split == str(tmp_path / "split.json")
        assert (run.algorithm, run.method) == ("dmt", dmt.method)
        assert (run.run.batch, run.run.steps) == (2, 4)
        assert not run.in_rounds


def test_each_of_five_rounds_takes_a_fifth_more(dmt, tmp_path):
    found = stages(dmt, tmp_path, rounds=5)
    shares = [s.fraction for s in found.all if s.teacher]
    assert shares == pytest.approx(np.repeat([0.2, 0.4, 0.6, 0.8, 1.0], 2))


def test_base_models_learn_from_labels_alone(dmt, tmp_path):
    given = {"base_learning_rate": 0.5, "base_batch": 4, "momentum": 0.7}
    found = stages(dmt, tmp_path, learning_rate=0.1, **given)
    for stage in found.all[:2]:
        base = found.settings(stage)
        assert base.algorithm == "supervised" and base.data.pseudo_labels == ""
        assert (base.run.batch, base.run.steps, base.run.init_from) == (4, 4, "")
        assert (base.method.learning_rate, base.method.momentum) == (0.5, 0.7)
        assert pathlib.Path(base.run.workdir) == tmp_path / stage.name
        assert not base.run.export and not base.run.compare_supervised
    assert found.settings(found.all[2]).method.learning_rate == 0.1


def test_every_stage_has_a_seed_of_its_own(dmt, tmp_path):
    found = stages(dmt, tmp_path)
    seeds = [found.settings(each).run.seed for each in found.all]
    assert seeds[0] == 1 and len(set(seeds)) == 6
    fewer = stages(dmt, tmp_path, rounds=1)
    assert [fewer.seed(each) for each in fewer.all] == seeds[:4]
    other = stages(dmt, tmp_path, seed=2)
    assert not set(seeds) & {other.seed(each) for each in other.all}


def test_base_models_of_labels_that_differ(dmt, tmp_path):
    found = stages(dmt, tmp_path, difference_share=0.75)
    for stage, part in zip(found.all[:2], splits.subsets(found.split, 0.75)):
        own = found.base_split(stage)
        assert own.labeled.tolist() == part.tolist() and len(part) == 6
        assert own.unlabeled.tolist() == found.split.unlabeled.tolist()
        file = pathlib.Path(found.settings(stage).data.split)
        assert file == tmp_path / f"split_{stage.model}.json"
        assert splits.read_split(file, short.load()).digest() == own.digest()
    a, b = (set(found.base_split(each).labeled) for each in found.all[:2])
    assert len(a & b) == 4 and a | b == set(found.split.labeled)
    for stage in found.all[2:]:  # the rounds learn from all labels
        assert found.settings(stage).data.split == str(tmp_path / "split.json")


def test_all_labels_unless_two_networks_are_to_differ(dmt, tmp_path):
    for values in ({}, {"models": 1, "difference_share": 0.8}):
        found = stages(dmt, tmp_path, **values)
        assert all(found.base_split(each) is found.split for each in found.all)


def test_lengths_by_passes(dmt, tmp_path):
    long = {"base_steps": None, "round_steps": None, "unlabeled_ratio": 4}
    found = stages(dmt, tmp_path, **long, base_epochs=3.0, round_epochs=2.0)
    # sqrt(20 / 8) * 3 = 4.7 passes of four steps; passes over 12 images, 8 in a step.
    assert [found.steps(each) for each in found.all] == [20, 20, 4, 4, 4, 4]
    part = stages(dmt, tmp_path, **long, base_epochs=10.0, difference_share=0.75)
    # sqrt(20 / 8) * 10 = 15.8 passes, as of all labels, over six of them.
    assert part.steps(part.all[0]) == 16 * 3


def test_a_network_that_knows_no_second_one_is_the_same(dmt, tmp_path):
    found = stages(dmt, tmp_path)
    assert all(found.settings(each).network == dmt.network for each in found.all)


def test_the_second_network_may_be_another(dmt, tmp_path):
    given = {"pretrained": "coco.npz", "pretrained_b": "imagenet.h5"}
    given.update(normalization="coco", normalization_b="caffe", layout_b="keras")
    network = deeplab_v2.DeepLabV2(14, 1, **given)
    found = stages(dmt, tmp_path, network)
    for stage in found.all:
        used = found.settings(stage).network
        assert used == (network.second() if stage.model == "b" else network)
        kinds = (used.pretrained, used.normalization, used.layout)
        expected = {
            "a": ("coco.npz", "coco", "torch"),
            "b": ("imagenet.h5", "caffe", "keras"),
        }
        assert kinds == expected[stage.model]
    one = stages(dmt, tmp_path, network, models=1)
    assert all(one.settings(each).network == network for each in one.all)


def test_one_network_that_teaches_itself(dmt, tmp_path):
    found = stages(dmt, tmp_path, models=1, init_from="~/other")
    other = pathlib.Path("~/other").expanduser()
    assert [(s.name, s.teacher, s.start) for s in found.all] == [
        ("base", None, None),
        ("round_1", "base", "base"),
        ("round_2", "round_1", "round_1"),
    ]
    assert found.folder("base") == other
    starts = [found.settings(each).run.init_from for each in found.all[1:]]
    assert starts == [str(other), str(tmp_path / "round_1")]


def test_rounds_that_begin_anew(dmt, tmp_path):
    found = stages(dmt, tmp_path, restart=True)
    assert {found.settings(each).run.init_from for each in found.all} == {""}


def test_which_weights_of_a_stage_count(dmt, tmp_path):
    assert stages(dmt, tmp_path).snapshot == "last"
    assert stages(dmt, tmp_path, snapshot="best").snapshot == "best"
