"""Defaults that methods and data sets bring, in every command."""

from __future__ import annotations

import pathlib

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.settings import assumed, classes, modules

FLAGS = pathlib.Path(__file__).parents[2] / "flags" / "dmt"
CLASSIFICATION = "mixdmt_tf.algorithms.classification"
SEGMENTATION = "mixdmt_tf.algorithms.segmentation"
SETS = {
    CLASSIFICATION: "mixdmt_tf.data.classification.datasets",
    SEGMENTATION: "mixdmt_tf.data.segmentation.datasets",
}
PAIRS = [
    (package, method, dataset)
    for package, sets in SETS.items()
    for method in classes(package)
    # Of data sets of classification none brings anything so far.
    for dataset in (("digits",) if package == CLASSIFICATION else modules(sets, "load"))
]


def values(*argv, only=None):
    parsed = experiments.parse(argv, "train", "", only)
    return {k: v for group in parsed.values.values() for k, v in group.items()}


ROUNDS = ("batch", "unlabeled_ratio", "learning_rate", "base_learning_rate")
LENGTHS = ("round_epochs", "base_epochs")


@pytest.mark.parametrize(
    "argv, flagfile, names",
    [
        ("--algorithm=dmt", "cifar10_4000", ("network", "form", *ROUNDS, *LENGTHS)),
        ("--algorithm=dmt_baseline", "table_2/baseline", ("network", "form", "batch")),
        (
            "--algorithm=curriculum_labeling",
            "table_2/curriculum_labeling",
            ("network", "form", *ROUNDS, *LENGTHS),
        ),
        (
            "--algorithm=deep_co_training",
            "table_3/deep_co_training",
            ("network", "batch", "unlabeled_ratio"),
        ),
        ("--algorithm=dual_student", "table_3/dual_student", ("network", "batch")),
        (
            "--dataset=cityscapes",
            "cityscapes_8",
            ("algorithm", "network", "gamma1", "gamma2", *ROUNDS, *LENGTHS),
        ),
        (
            "--dataset=cityscapes --algorithm=supervised",
            "cityscapes_oracle",
            ("network", "batch", "learning_rate", "epochs"),
        ),
        (
            "--dataset=voc --network=deeplab_v2",
            "voc_8",
            ("algorithm", "network", "gamma1", "gamma2", *ROUNDS, *LENGTHS),
        ),
        (
            "--dataset=voc --algorithm=supervised --network=deeplab_v2",
            "voc_oracle",
            ("network", "batch", "learning_rate", "epochs"),
        ),
    ],
)
def test_defaults_are_those_of_the_papers_row(argv, flagfile, names):
    """The flagfile says everything: it is the oracle."""
    row = values(f"--flagfile={FLAGS / flagfile}.flags")
    found = values(*argv.split())
    assert {name: found[name] for name in names} == {name: row[name] for name in names}


@pytest.mark.parametrize(
    "name", "dmt_flip dmt_mutual dmt_naive dst self_training".split()
)
def test_relatives_of_dmt_have_its_network_and_batch(name):
    found = values(f"--algorithm={name}")
    assert (found["network"], found["form"], found["batch"]) == (
        "wide_resnet",
        "dmt",
        64,
    )


@pytest.mark.parametrize("name", ["realmix", "mixmatch", "supervised", "uda", "vat"])
def test_methods_of_realmixs_comparison_keep_its_network(name):
    found = values(f"--algorithm={name}")
    assert (found["network"], found["form"], found["batch"]) == (
        "wide_resnet",
        "mixmatch",
        64,
    )


def test_another_network_still_can_be_chosen():
    found = values("--algorithm=dual_student", "--network=wide_resnet", "--batch=8")
    assert (found["network"], found["batch"], found["form"]) == (
        "wide_resnet",
        8,
        "mixmatch",
    )
    assert "form" not in values("--algorithm=dmt", "--network=cnn13")


def test_table_1_of_cityscapes_is_not_for_others():
    """Mean Teacher there has a source of its own, and the other data sets VOC's row."""
    for name in ("mean_teacher", "cutmix", "online_st"):
        voc, city = (
            values(f"--algorithm={name}", f"--dataset={each}", "--network=deeplab_v2")
            for each in ("voc", "cityscapes")
        )
        assert {**voc, "dataset": ""} == {**city, "dataset": ""}
    assert values("--dataset=digit_scenes")["gamma1"] == 5.0


def test_who_overrides_whom(tmp_path):
    file = tmp_path / "my.flags"
    file.write_text("--gamma1=1\n--gamma2=1\n")
    argv = ("--dataset=cityscapes", "--gamma2=2", f"--flagfile={file}")
    found = values(*argv, only="dmt")
    # The command line, a flagfile, the data set, the method, what is declared.
    assert (found["gamma2"], found["gamma1"], found["batch"]) == (2.0, 1.0, 2)
    assert (found["eval_every"], found["log_every"]) == (None, 50)


@pytest.mark.parametrize(
    "argv, shown",
    [
        (
            ["--algorithm=dual_student"],
            ["--network=cnn13", "--batch=50", "network cnn13"],
        ),
        (["--algorithm=dmt"], ["--form=dmt", "--batch=64"]),
        (
            ["--dataset=cityscapes"],
            ["--gamma1=3.0", "--batch=2", "--unlabeled_ratio=3", "--base_epochs=60.0"],
        ),
    ],
)
def test_help_shows_them(argv, shown, capsys):
    with pytest.raises(SystemExit):
        experiments.parse([*argv, "--helpfull"], "train", "")
    words = capsys.readouterr().out
    assert all(each in words for each in shown)


@pytest.mark.parametrize("package, method, dataset", PAIRS)
def test_what_is_brought_is_a_setting_and_allowed(package, method, dataset):
    argv = [f"--dataset={dataset}", f"--algorithm={method}"]
    groups = experiments.parse(argv, "train", "").groups
    settings = {each.name: each for group in groups for each in group.settings}
    brought = assumed(f"{package}.{method}", f"{SETS[package]}.{dataset}")
    for name, value in brought.items():
        if name in ("gamma1", "gamma2") and name not in settings:
            continue  # Curriculum Labeling and CBST have none
        assert settings[name].accepts(value) and settings[name].default == value
        assert type(value) is not int or settings[name].type == "int"
