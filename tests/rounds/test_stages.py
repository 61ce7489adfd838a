"""From a stage of a loop to the settings of its run."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from mixdmt_tf.data.classification import datasets, splits
from mixdmt_tf.rounds import plan
from mixdmt_tf.rounds.stages import Stages
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import preparation
from tests.tasks.classification import tiny

LONG = ("--base_steps=none", "--round_steps=none")
MIXDMT = tiny.SHORT_ROUNDS
MUTUAL = ("--algorithm=dmt_mutual", *tiny.SHORT_ROUNDS)


def stages(path, *more, flags=tiny.ROUNDS):
    given = {each.partition("=")[0] for each in more}
    kept = [each for each in flags if each.partition("=")[0] not in given]
    experiment = preparation.resolve(tiny.experiment(path / "run", *kept, *more))
    method = experiment.method
    source = datasets.load(experiment.data)
    task = open_task(experiment, source)
    split = choose_split(task)
    shares = plan.fractions(method.fractions, method.rounds)
    planned = plan.stages(shares, method.models, method.restart)
    (path / "run").mkdir(exist_ok=True)
    hooks = task.rounds(path / "run", split)
    return Stages(experiment, path / "run", split, hooks, planned)


def test_the_base_model_is_a_run_of_the_baseline(tmp_path):
    found = stages(tmp_path, "--base_learning_rate=0.5", "--base_batch=16")
    base = found.settings(found.all[0])
    assert base.algorithm == "dmt_baseline" and base.data.pseudo_labels == ""
    run, method = base.run, base.method
    assert (run.steps, run.batch, run.seed, run.init_from) == (6, 16, 1, "")
    assert (method.learning_rate, method.augment) == (0.5, "none")
    assert method.ema_decay == 0.8  # all that both have in common
    assert pathlib.Path(run.workdir) == tmp_path / "run" / "base"
    assert not run.export and not run.compare_supervised
    assert base.data.split == str(tmp_path / "run" / "split.json")
    assert base.network == found.experiment.network


def test_settings_may_name_the_method_of_the_base_models(tmp_path):
    more = ("--algorithm=mixdmt", "--models=1", "--base_augment=autoaugment")
    names = {}
    for given in ("realmix", "dmt_baseline"):
        (tmp_path / given).mkdir()
        found = stages(tmp_path / given, *more, f"--base={given}", flags=MIXDMT)
        names[given] = found.settings(found.all[0])
        assert names[given].algorithm == given
    assert names["dmt_baseline"].method.augment == "autoaugment"
    assert names["realmix"].method.learning_rate == 0.002


def test_a_round_is_a_run_of_the_method_itself(tmp_path):
    found = stages(tmp_path, "--compare_supervised")
    first = found.settings(found.all[1])
    assert first.algorithm == "dmt" and first.method == found.experiment.method
    assert (first.run.steps, first.run.batch, first.run.init_from) == (6, 8, "")
    labels = tmp_path / "run" / "pseudo_labels" / "round_1.npz"
    assert first.data.pseudo_labels == str(labels)
    assert pathlib.Path(first.run.workdir) == tmp_path / "run" / "round_1"
    assert not first.run.export and not first.run.compare_supervised
    assert not first.in_rounds


def test_every_stage_has_a_seed_of_its_own(tmp_path):
    found = stages(tmp_path, flags=MUTUAL)
    seeds = [found.settings(each).run.seed for each in found.all]
    assert seeds[0] == 1 and len(set(seeds)) == len(seeds) == 6
    again = stages(tmp_path, "--rounds=1", flags=MUTUAL)
    # What a round draws does not depend on how many rounds follow.
    assert [again.seed(each) for each in again.all] == seeds[:4]
    other = stages(tmp_path, "--seed=2", flags=MUTUAL)
    assert not set(seeds) & {other.seed(each) for each in other.all}


def test_going_on_with_the_weights_of_the_round_before(tmp_path):
    found = stages(tmp_path, "--norestart")
    starts = [found.settings(each).run.init_from for each in found.all]
    run = tmp_path / "run"
    assert starts == ["", str(run / "base"), str(run / "round_1")]


def test_two_networks_go_on_with_their_own_weights(tmp_path):
    found = stages(tmp_path, flags=MUTUAL)
    named = {each.name: found.settings(each) for each in found.all}
    run = tmp_path / "run"
    assert named["round_1_b"].run.init_from == str(run / "base_b")
    assert named["round_2_a"].run.init_from == str(run / "round_1_a")


def test_a_base_model_that_is_given(tmp_path):
    found = stages(tmp_path, "--init_from=~/other", "--norestart")
    other = pathlib.Path("~/other").expanduser()
    assert found.folder("base") == other
    assert found.folder("round_1") == tmp_path / "run" / "round_1"
    first, second = (found.settings(each) for each in found.all[1:])
    assert first.run.init_from == str(other)
    assert second.run.init_from == str(tmp_path / "run" / "round_1")


def test_lengths_by_passes(tmp_path):
    more = (*LONG, "--base_epochs=3", "--round_epochs=2", "--fractions=10,100")
    found = stages(tmp_path, *more)
    base, first, second = map(found.steps, found.all)
    # sqrt(1442 / 20) times 3 passes of 20 labels in batches of 8.
    assert base == 25 * 3
    # 137 and 1372 pseudo labels in batches of 2 * 8.
    assert (first, second) == (2 * 9, 2 * 86)
    assert [found.hooks._kept(each) for each in found.all[1:]] == [137, 1372]
    released = stages(tmp_path, *more, "--count=released")
    assert [released.hooks._kept(each) for each in found.all[1:]] == [135, 1372]


def test_labels_that_differ_as_much_as_possible(tmp_path):
    found = stages(tmp_path, "--difference_share=0.8", flags=MUTUAL)
    a, b = (found.base_split(each) for each in found.all[:2])
    assert len(a.labeled) == len(b.labeled) == 16
    assert len(np.intersect1d(a.labeled, b.labeled)) == 12
    assert set(a.labeled) | set(b.labeled) == set(found.split.labeled)
    for part in ("unlabeled", "validation"):
        np.testing.assert_array_equal(getattr(a, part), getattr(found.split, part))
    source = datasets.load(found.experiment.data)
    for stage, split in zip(found.all[:2], (a, b)):
        own = pathlib.Path(found.settings(stage).data.split)
        assert own == tmp_path / "run" / f"split_{stage.model}.json"
        assert splits.read_split(own, source).digest() == split.digest()
    # The rounds learn from all labels.
    assert found.settings(found.all[2]).data.split.endswith("/split.json")


def test_passes_over_a_part_of_the_labels(tmp_path):
    """As many as over all 20, sqrt(1442 / 20) times two, in steps of eight."""
    more = ("--difference_share=0.8", "--base_steps=none", "--base_epochs=2")
    found = stages(tmp_path, *more, flags=MUTUAL)
    assert found.steps(found.all[0]) == found.steps(found.all[1]) == 16 * 2


@pytest.mark.parametrize("more", [(), ("--models=1", "--difference_share=0.8")])
def test_all_labels_unless_two_networks_are_to_differ(tmp_path, more):
    found = stages(tmp_path, *more, flags=MUTUAL)
    assert found.base_split(found.all[0]) is found.split
