"""Flags of whole experiments, and run folders read back."""

from __future__ import annotations

import json
import logging

import pytest
import tensorflow as tf

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.train import Config as TrainConfig
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import classes, declared
from mixdmt_tf.source_text import annotates
from tests.tasks.classification import tiny


def names(groups):
    return [group.name for group in groups]


def test_groups_follow_algorithm_and_network():
    groups_for = experiments.groups_for()
    titles = [group.title for group in groups_for({})]
    assert titles[2:] == ["network wide_resnet", "algorithm realmix"]
    chosen = {"algorithm": "supervised", "network": "small_cnn"}
    titles = [group.title for group in groups_for(chosen)]
    assert titles == ["run", "data", "network small_cnn", "algorithm supervised"]


def test_a_command_may_bring_flags_of_its_own():
    own = flags.group("command", "mixdmt_tf.cli.train")
    assert names(experiments.groups_for(None, own)({}))[0] == "command"
    assert own.settings == declared("mixdmt_tf.cli.train")
    assert TrainConfig().dry_run is False


@pytest.mark.parametrize("name", classes("mixdmt_tf.algorithms.classification"))
def test_every_algorithm_can_be_chosen(name):
    parsed = experiments.parse([f"--algorithm={name}"], "train", "")
    assert experiments.build(parsed).algorithm == name


def test_that_rounds_trace_functions_again_is_not_said():
    experiments.build(experiments.parse([], "train", ""))
    said = []
    logger = tf.get_logger()
    logger.addFilter(lambda record: said.append(record.getMessage()))
    try:
        for _ in range(9):  # TensorFlow warns from the fifth on
            tf.function(lambda value: value + 1)(1)
        logger.warning("the disk is full")
    finally:
        logger.removeFilter(logger.filters[-1])
    assert said == ["the disk is full"]


def test_the_only_algorithm_of_a_command():
    parsed = experiments.parse([], "train_realmix", "", "realmix")
    assert parsed.values["run"]["algorithm"] == "realmix"
    with pytest.raises(UsageError):
        experiments.parse(["--algorithm=supervised"], "train_realmix", "", "realmix")


@pytest.mark.parametrize("flag", ["--dataset=cifar11", "--network=wideresnet"])
def test_names_that_no_file_has(flag):
    with pytest.raises(UsageError, match="did you mean"):
        experiments.parse([flag], "train", "")


METHODS_FOR_SCENES = ", ".join(classes("mixdmt_tf.algorithms.segmentation"))


@pytest.mark.parametrize(
    "only, argv, said",
    [
        (None, "--gamma1=5", "--algorithm=dmt, dmt_flip, dmt_mutual, dmt_naive, dst,"),
        (None, "--dataset=voc --algorithm=cbst --gamma1=5", "--algorithm=dmt, dmt_f"),
        (None, "--crop=64", "it belongs to --dataset=cityscapes, coco, digit_scenes"),
        (
            None,
            "--filters=8",
            "it belongs to --network=cnn13, small_cnn, whitened_cnn, not to wide",
        ),
        (None, "--algorithm=dual_student --form=dmt", "--network=wide_resnet, not to"),
        (
            None,
            "--algorithm=cbst",
            "every pixel: --dataset=cityscapes, coco, ",
        ),
        (None, "--dataset=voc --algorithm=vat", "each image: --dataset=cifar10, cifa"),
        ("dmt", "--algorithm=supervised", "use bin/train --algorithm=supervised"),
        ("realmix", "--dataset=mask_folder", "use bin/train_dmt, or bin/train --algo"),
        ("realmix", "--dataset=voc", f"--algorithm=... with {METHODS_FOR_SCENES}"),
        ("realmix", "--dataset=folde", "did you mean --dataset=folder?"),
    ],
)
def test_what_belongs_elsewhere(only, argv, said):
    with pytest.raises(UsageError) as caught:
        experiments.parse(argv.split(), "train", "", only)
    assert said in str(caught.value) and len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize("selector", experiments.SELECTORS)
def test_all_flags_of_all_choices_are_found_without_being_read(selector):
    """Else a flag of another method would be called unknown."""
    groups_for, chosen = experiments.groups_for(), {}
    own = {"algorithm": "method", "dataset": "data", "network": "network"}[selector]
    (choices,) = (
        each.choices
        for group in groups_for(chosen)
        for each in group.settings
        if each.name == selector
    )
    names = {
        each.name
        for choice in choices
        for group in groups_for({selector: choice})
        for each in group.settings
        if group.name == own
    }
    assert len(names) > 5
    unseen = {each for each in names if not annotates(experiments.CHOSEN, each)}
    assert not unseen and not annotates(experiments.CHOSEN, "lables")


def test_values_reach_the_configs_they_belong_to():
    built = tiny.experiment("runs/x", "--ema_decay=0.5", "--copies_augment=simple")
    assert built.run.steps == 12 and built.data.copies_augment == "simple"
    assert built.network.filters == 4 and built.method.ema_decay == 0.5


def test_a_run_folder_gives_its_experiment_back(finished, monkeypatch):
    folder, build = experiments.read_run(str(finished.folder))
    assert folder == finished.folder
    assert build().to_flags() == finished.results["flags"]
    monkeypatch.setenv("HOME", str(finished.folder.parent))
    assert experiments.read_run(f"~/{finished.folder.name}")[0] == finished.folder


def test_a_spoilt_flagfile_is_refused(tmp_path):
    (tmp_path / "flags.txt").write_text("--steps=many\n")
    with pytest.raises(UsageError, match="steps"):
        experiments.read_run(str(tmp_path))


@pytest.mark.long
def test_a_run_in_rounds_gives_its_experiment_and_those_of_its_stages_back(
    tmp_path_factory,
):
    finished = tiny.finished_rounds(tmp_path_factory)
    for name, algorithm, steps in (
        ("", "dmt", None),
        ("base", "dmt_baseline", 6),
        ("round_2", "dmt", 6),
    ):
        folder, build = experiments.read_run(str(finished.folder / name))
        built = build()
        assert (built.algorithm, built.run.steps) == (algorithm, steps)
        results = json.loads((folder / "results.json").read_text())
        assert built.to_flags() == results["flags"]


@pytest.mark.parametrize("library", ["tensorflow", "absl"])
def test_warnings_that_mean_nothing_to_users_are_kept_from_them(library):
    tiny.experiment("runs/x")
    log = logging.getLogger(library)
    kept = [
        log.filter(log.makeRecord(library, logging.WARNING, "", 0, text, (), None))
        for text in (
            "5 out of the last 5 calls triggered tf.function retracing.",
            "Importing a function (f) with ops with unsaved custom gradients. Will",
            "the disk is full",
        )
    ]
    assert [bool(each) for each in kept] == [False, False, True]
