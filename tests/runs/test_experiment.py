"""A run's settings as flags, and which of them may change in a resumed run."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.experiment import parse
from mixdmt_tf.settings import to_text
from tests.tasks.classification import tiny

# A resumed run may be longer, elsewhere, and tell more; it stays the same run.
HARMLESS = {
    "workdir",
    "steps",
    "max_minutes",
    "eval_every",
    "checkpoint_every",
    "keep_checkpoints",
    "log_every",
    "steps_per_execution",
    "compare_supervised",
    "data_dir",
    "unlabeled_dir",
    "labels_csv",
    "weights_csv",
    "split",
    "copies_store",
    "image_store",
    "cache_dir",
    "pseudo_labels",
    "ood_scores",
    "export",
    "report",
    "data_service",
}


def other(setting, value):
    """The text of another value that the setting allows."""
    if setting.name in ("algorithm", "network", "dataset"):
        return "another"
    if setting.choices:
        return to_text(next(each for each in setting.choices if each != value))
    if setting.type == "bool":
        return to_text(not value)
    if setting.type == "str":
        return "elsewhere"
    return to_text((value or 0) / 2 if setting.type == "float" else (value or 0) + 1)


def all_settings():
    """(name, setting, value) of every setting of a RealMix run."""
    values = tiny.experiment("runs/x", "--ood_rate=0.5").values()
    return [(name, *pair) for name, pair in values.items()]


def test_the_groups_are_what_determines_a_run():
    experiment = tiny.experiment("runs/x")
    titles = [title for title, _ in experiment.groups]
    assert titles == ["run", "data", "network small_cnn", "algorithm realmix"]
    assert experiment.algorithm == "realmix"
    assert experiment.values()["filters"][1] == 4


@pytest.mark.parametrize(
    "more, snapshot",
    [
        (("--algorithm=dst", "--snapshot=best"), "best"),
        (("--algorithm=dst",), "last"),
        (("--algorithm=supervised",), "last"),
        # A stage of rounds, whose own numbers are of its last weights.
        (
            ("--algorithm=dst", "--snapshot=best", "--pseudo_labels=x", "--steps=3"),
            "last",
        ),
    ],
)
def test_which_checkpoint_is_the_result(more, snapshot):
    given = ["--dataset=digit_scenes", "--network=small_segmenter", *more]
    experiment = experiments.build(experiments.parse(given, "train", ""))
    assert experiment.snapshot == snapshot


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--algorithm=supervised", "--filters=7"),
        ("--validation=none", "--tsa=exp", "--learning_rate=1e-05", "--noema_warmup"),
        ("--split=a folder/with = and #1 in it.json", "--deterministic=false"),
    ],
)
def test_a_flagfile_repeats_the_run(more, tmp_path):
    experiment = tiny.experiment("runs/wörk dir", *more)
    path = tmp_path / "flags.txt"
    path.write_text(experiment.flagfile(), encoding="utf-8")
    again = experiments.parse([f"--flagfile={path}"], "train", "")
    assert experiments.build(again) == experiment


def test_a_flagfile_names_every_setting_once_under_its_group():
    experiment = tiny.experiment("runs/x")
    text = experiment.flagfile()
    assert parse(text) == experiment.to_flags()
    assert text.count("\n--") == len(experiment.values())
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [f"# {title}" for title, _ in experiment.groups]
    assert text.index("# network small_cnn") < text.index("--filters=4")


def test_harmless_settings_are_those_that_change_no_number():
    found = {name for name, setting, _ in all_settings() if setting.harmless}
    assert found == HARMLESS


@pytest.mark.parametrize("name, setting, value", all_settings(), ids=lambda x: str(x))
def test_what_may_change_in_a_resumed_run(name, setting, value):
    experiment = tiny.experiment("runs/x", "--ood_rate=0.5")
    now, new = to_text(value), other(setting, value)
    assert now != new
    started = experiment.flagfile().replace(
        f"\n--{name}={now}\n", f"\n--{name}={new}\n"
    )
    assert f"--{name}={new}\n" in started
    if setting.harmless:
        experiment.require_same(started, "runs/x")
        return
    with pytest.raises(UserError) as refused:
        experiment.require_same(started, "runs/x")
    assert f"\n  --{name}: {new} -> {now}\n" in str(refused.value)
    assert str(refused.value).count(" -> ") == 2  # the heading and one row
    assert refused.value.exit_code == 1


def test_a_setting_younger_than_the_run_had_what_is_now_its_default():
    experiment = tiny.experiment("runs/x")
    lines = experiment.flagfile().splitlines(keepends=True)
    older = "".join(line for line in lines if not line.startswith("--init_weights="))
    assert older != experiment.flagfile()
    experiment.require_same(older, "runs/x")
    other = tiny.experiment("runs/x", "--init_weights=raw")
    with pytest.raises(UserError, match="--init_weights: ema -> raw"):
        other.require_same(older, "runs/x")


def test_a_setting_that_only_one_of_two_runs_has_is_shown():
    supervised = tiny.experiment("runs/x", tiny.SUPERVISED)
    with pytest.raises(UserError) as refused:
        supervised.require_same(tiny.experiment("runs/x").flagfile(), "runs/x")
    assert "\n  --algorithm: realmix -> supervised\n" in str(refused.value)
    assert "\n  --lambda_u: 75.0 -> (not set)\n" in str(refused.value)
    assert str(refused.value).startswith("runs/x holds a run with other settings")


LEFT_OPEN = (
    *("--eval_every=none", "--checkpoint_every=none", "--steps=600"),
    *("--network=wide_resnet", "--depth=10", "--width=1"),
)
FILLED_IN = {
    **{"eval_every": "60", "checkpoint_every": "60", "batch_norm_momentum": "0.9667"},
    **{"ema_warmup": "true", "lambda_u_ramp": "3135"},
}


def left_open(*more):
    without = ("--filters=4", "--ema_decay=0.8", "--noema_warmup", *LEFT_OPEN, *more)
    given = {each.partition("=")[0] for each in without}
    ours = [each for each in tiny.FLAGS if each.partition("=")[0] not in given]
    ours += [x for x in LEFT_OPEN if x.partition("=")[0] not in str(more)]
    argv = [*ours, *more, "--ema_decay=0.999", "--workdir=runs/x"]
    return experiments.build(experiments.parse(argv, "train", ""))


def test_what_is_left_open_follows_from_the_length():
    experiment = left_open()
    assert set(experiment.left_open()) == set(FILLED_IN)
    filled = experiment.for_run(600)
    assert not filled.left_open()
    flags = filled.to_flags()
    assert {name: flags[name] for name in FILLED_IN} == FILLED_IN
    assert filled.for_run(10**6) == filled


def test_a_run_that_is_prolonged_keeps_what_it_was_started_with():
    started = left_open().for_run(600).flagfile()
    longer = left_open("--steps=6000").as_started(started)
    assert longer.for_run(6000).to_flags() == {
        **left_open().for_run(600).to_flags(),
        "steps": "6000",
    }
    longer.require_same(started, "runs/x")
    with pytest.raises(UserError, match="--lambda_u_ramp: 3135 -> 9915"):
        left_open("--steps=6000").for_run(6000).require_same(started, "runs/x")


def test_a_value_that_is_given_is_not_replaced_by_the_old_one():
    started = left_open().for_run(600).flagfile()
    other = left_open("--lambda_u_ramp=7").as_started(started)
    with pytest.raises(UserError, match="--lambda_u_ramp: 3135 -> 7\n"):
        other.for_run(600).require_same(started, "runs/x")


def test_a_run_from_before_has_the_papers_values():
    """Of mixup's warm-up, which was no setting, and of momenta that it wrote down."""
    now = left_open("--algorithm=mixup")
    text = now.for_run(524288).flagfile()
    older = "".join(x for x in text.splitlines(True) if not x.startswith("--warmup"))
    assert older != text
    again = now.as_started(older)
    assert (again.method.warmup, again.network.batch_norm_momentum) == (0.0, 0.999)
    again.for_run(600).require_same(older, "runs/x")


@pytest.mark.parametrize("wrong", ["2", "x", "nan"])
def test_a_spoilt_line_of_flags_txt_is_named(wrong):
    started = left_open().for_run(600).flagfile()
    spoilt = started.replace(
        "--batch_norm_momentum=0.9667", f"--batch_norm_momentum={wrong}"
    )
    with pytest.raises(UserError, match=f"batch_norm_momentum={wrong}: expected") as e:
        left_open().as_started(spoilt)
    assert len(str(e.value).splitlines()) == 2
