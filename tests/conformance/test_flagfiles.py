"""Every flagfile names its experiment, parses, and trains."""

from __future__ import annotations

import functools
import math
import pathlib

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.tables import table as tables
from mixdmt_tf.tables import table_ini
from tests.every_file import every

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "flags"
FLAGFILES = sorted(p for p in FOLDER.rglob("*.flags") if p.parent.name != "base")
TABLES = [table_ini.load(FOLDER, name) for name in table_ini.find(FOLDER)]
per_flagfile = every(FLAGFILES)


@functools.lru_cache(maxsize=None)
def parse(path, *more):
    """What a flagfile says; nobody may change it."""
    return experiments.parse([f"--flagfile={path}", *more], "train", "")


def of_samples(path):
    """Whether what it trains on has a class for every pixel."""
    return experiments.task_of(parse(path).values["data"]["dataset"]) == "segmentation"


def test_there_are_flagfiles():
    assert len(FLAGFILES) >= 200


@per_flagfile
def test_it_opens_with_what_it_reproduces(path):
    title, *lines = path.read_text(encoding="utf-8").splitlines()
    name = path.relative_to(ROOT)
    assert title.startswith("# ") and title.endswith(".")
    assert lines[0].startswith("# Paper: ")
    assert lines[1].startswith(("# Published error: ", "# Published mean IoU: "))
    assert sum(line.startswith("# Published ") for line in lines) == 1
    assert lines[2].startswith("# Cost: ")
    assert lines[3].startswith("# Command: bin/") and str(name) in lines[3]


@per_flagfile
def test_a_row_of_a_table_says_itself_which_round_is_its_result(path):
    """As it was published: the rule that guards a user's runs is not the papers'."""
    parsed = parse(path)
    shows_defaults = path.is_relative_to(FOLDER / "lengths")
    if "rounds" in parsed.values["method"] and not (
        path.parent == FOLDER or shows_defaults
    ):
        assert "select_on" in parsed.given
        assert parsed.values["method"]["select_on"] != "best"


# Left open where stages are as long as passes over the data take, which are given.
PASSES = {"base_steps": "base_epochs", "round_steps": "round_epochs"}


@per_flagfile
def test_a_published_row_says_itself_what_would_follow_from_its_length(path):
    """Its values stay the paper's in a shorter run, and whatever defaults become."""
    lines = path.read_text(encoding="utf-8").splitlines()
    parsed = parse(path)
    # Rows for CPUs have a budget of their own, and no published number.
    if not any(
        line.startswith("# Published") and line[-6:] == ": none" for line in lines
    ):
        assert path.parent.name != "cpu"
        passes = {name for name, epochs in PASSES.items() if epochs in parsed.given}
        assert set(experiments.build(parsed).left_open()) <= passes


@per_flagfile
def test_its_command_parses(path):
    command = path.read_text(encoding="utf-8").split("# Command: ")[1].splitlines()[0]
    script, *arguments = command.split()
    assert (ROOT / script).is_file()
    algorithm = {"bin/train_realmix": "realmix", "bin/train_dmt": "dmt"}.get(script)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert experiments.parse(arguments, script, "", algorithm).values


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_a_table_has_its_rows_at_both_budgets(table):
    for name, row in table.runnable.items():
        assert "cpu" in row.seconds, f"{table.name}: row {name} has no cpu_minutes"
        # tests/cli/test_reproduce.py reads every column.
        column = table.columns[0]
        flags = [f"--{table.flag}={column}"] if column else []
        large, small = (
            parse(table.flagfile(name, budget), *flags).values
            for budget in tables.BUDGETS
        )
        if "fractions" in small["method"] and small["run"]["steps"] is None:
            assert small["method"]["round_steps"]
            assert small["method"]["rounds"] == large["method"]["rounds"]
        else:
            steps = large["run"]["steps"]
            # Passes over the data may say how long a row of segmentation is.
            assert steps or large["method"]["epochs"] >= 20
            assert small["run"]["steps"] <= (steps or math.inf)
        assert small["run"]["algorithm"] == large["run"]["algorithm"]
        assert not small["run"]["compare_supervised"]


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_the_columns_are_what_the_flagfiles_are_for(table):
    """A flagfile of one column says itself which, and is the one that is taken."""
    own = {path.stem for path in table.folder.rglob("*-*.flags")}
    for name in table.runnable:
        for column in filter(None, table.columns):
            path = table.flagfile(name, "paper", column)
            own_name = f"{name}-{tables.in_paths(column)}"
            assert (path.stem == own_name) == (own_name in own)
            if path.stem != name:
                values = parse(path).values
                found = {k: v for group in values.values() for k, v in group.items()}
                assert str(found[table.flag]).replace(".0", "") == column


def test_the_rows_of_dmt_are_those_of_its_table_1():
    values = {
        row: experiments.build(parse(FOLDER / "dmt" / f"{row}.flags")).to_flags()
        for row in (
            "cifar10_4000",
            "cifar10_1000",
            "table_2/dmt-1000",
            "table_2/curriculum_labeling",
            "released",
        )
    }
    reference = values["cifar10_4000"]

    def changed(name):
        found = values[name].items()
        return {k: v for k, v in found if k in reference and v != reference[k]}

    thousand = {"labels": "1000", "batch": "16", "unlabeled_ratio": "31"}
    assert changed("cifar10_1000") == thousand
    assert changed("table_2/dmt-1000") == thousand
    assert changed("table_2/curriculum_labeling") == {
        "algorithm": "curriculum_labeling"
    }
    assert set(changed("released")) == {"count", "augment", "ema_decay"}
    known = {"gamma1": "4.0", "learning_rate": "0.1", "round_epochs": "750.0"}
    assert {name: reference[name] for name in known} == known


def test_the_papers_rows_differ_only_where_they_should():
    rows = ("table_2/realmix", "table_3/realmix", "released", "table_5/copies_25")
    values = {
        row: experiments.build(parse(FOLDER / "realmix" / f"{row}.flags")).to_flags()
        for row in rows
    }
    reference = values["table_2/realmix"]

    def changed(name):
        return {k for k, v in values[name].items() if v != reference[k]}

    assert changed("table_3/realmix") == {"dataset", "lambda_u"}
    assert changed("released") == {"tsa", "tsa_target"}
    assert changed("table_5/copies_25") == {"copies"}
    assert reference["lambda_u"] == "75.0"
    assert values["table_3/realmix"]["lambda_u"] == "250.0"


@pytest.mark.parametrize(
    "name",
    "steps batch depth width batch_norm_momentum ema_decay learning_rate".split(),
)
def test_methods_of_one_table_are_on_the_same_footing(name):
    """All that were published with Adam: UDA and FixMatch bring their own updates."""
    values = {
        path.stem: parse(path).values
        for path in (FOLDER / "realmix" / "table_2").glob("*.flags")
        if path.stem not in ("uda", "fixmatch")
    }
    assert len(values) == 9
    groups = [group for row in values.values() for group in row.values()]
    assert len({group[name] for group in groups if name in group}) == 1


def test_dual_student_has_the_network_and_the_batch_of_its_release():
    parsed = experiments.build(parse(FOLDER / "dmt/table_3/dual_student.flags"))
    flags = parsed.to_flags()
    released = {"network": "cnn13", "dropout": "0.5", "batch": "50", "labels": "4000"}
    assert {name: flags[name] for name in released} == released
    assert flags["unlabeled_ratio"] == "1"


def methods(dataset, rounds):
    """Names of methods that train in rounds, or of the others."""
    task = experiments.task_of(dataset)
    for name in experiments.methods_of(task):
        flags = [f"--dataset={dataset}", f"--algorithm={name}"]
        method = experiments.parse(flags, "train", "").values["method"]
        if ("fractions" in method) == rounds:
            yield name


@pytest.mark.parametrize(
    "flagfile, dataset, rounds, but",
    [
        ("cpu_rows", "cifar10", False, ()),
        ("cpu_rounds", "cifar10", True, ("mixdmt",)),
        ("pretrained", "cifar10", False, ()),
        ("pretrained_rounds", "cifar10", True, ("mixdmt",)),
        ("lite_segmenter", "voc", False, ()),
        ("lite_segmenter_rounds", "voc", True, ()),
    ],
)
def test_flagfiles_for_any_method_are_read_by_each(flagfile, dataset, rounds, but):
    path = FOLDER / "base" / f"{flagfile}.flags"
    assert all(f"but {name}" in path.read_text("utf-8") for name in but)
    names = [*methods(dataset, rounds)]
    assert len(names) >= 5
    for name in names:
        flags = [f"--dataset={dataset}", f"--algorithm={name}", f"--flagfile={path}"]
        if name not in but:
            experiments.parse(flags, "train", "")


@pytest.mark.parametrize("name", ["mixmatch", "remixmatch", "realmix", "mixup", "ict"])
def test_methods_that_mix_do_it_less_from_pretrained_weights(name):
    flags = ["--dataset=cifar10", f"--algorithm={name}"]
    read = [
        experiments.parse([*flags, f"--flagfile=base/{each}"], "train", "").values
        for each in ("pretrained", "pretrained_mixing")
    ]
    mixing = read[1]["method"]
    assert mixing.pop("mixup_beta") == 0.1 < read[0]["method"].pop("mixup_beta")
    assert read[0] == read[1]  # and all else is the same


def test_mixdmt_has_rounds_from_pretrained_weights_as_dmt_has():
    """Its base model is DMT's, and its rounds are as long."""
    flags = ["--dataset=cifar10", "--algorithm=mixdmt"]
    found = experiments.build(
        experiments.parse([*flags, "--flagfile=base/pretrained_mixdmt"], "train", "")
    ).to_flags()
    rounds = parse(FOLDER / "base/pretrained_rounds.flags", "--algorithm=dmt")
    theirs = experiments.build(rounds).to_flags()
    same = "base_steps base_batch base_learning_rate batch unlabeled_ratio mixup_beta"
    same += " rounds fractions round_steps learning_rate network freeze_batch_norm"
    same += " restart models gamma1 gamma2 gamma_ramp"
    for name in same.split():
        assert found[name] == theirs[name], name
    assert (found["base"], found["base_augment"]) == ("dmt_baseline", theirs["augment"])
    assert (found["copies"], found["select_on"]) == ("0", "mean")
