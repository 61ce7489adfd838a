"""`--network=auto`."""

from __future__ import annotations

import pytest
from PIL import Image

from mixdmt_tf.cli import experiments, train
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs import small_machines
from tests.cli import commands

FOLDER = ("--dataset=folder", "--data_dir=images")


@pytest.fixture(name="parse")
def fixture_parse(monkeypatch):
    """All values of a command line, on a machine with or without ImageNet weights."""

    def parse(*argv, weights=True):
        monkeypatch.setattr(small_machines, "weights_are_there", lambda: weights)
        parsed = experiments.parse(argv, "train", "")
        experiments.check(parsed)
        return {k: v for group in parsed.values.values() for k, v in group.items()}

    return parse


def of_flagfile(name, argv, parse):
    """What the same command says with a flagfile."""
    return parse(*argv, f"--flagfile=base/{name}")


@pytest.mark.parametrize(
    "algorithm, name",
    [
        ("supervised", "pretrained"),
        ("fixmatch", "pretrained"),
        ("mixmatch", "pretrained_mixing"),
        ("realmix", "pretrained_realmix"),
        ("dual_student", "pretrained"),
        ("dmt", "pretrained_rounds"),
        ("curriculum_labeling", "pretrained_rounds"),
        ("mixdmt", "pretrained_mixdmt"),
    ],
)
def test_photos_are_learned_as_the_flagfile_says(algorithm, name, parse):
    argv = (*FOLDER, f"--algorithm={algorithm}")
    found, expected = parse(*argv), of_flagfile(name, argv, parse)
    assert (found.pop("image_size"), expected.pop("image_size")) == ("auto", 128)
    assert found == expected and found["network"] == "efficientnet_lite0"


@pytest.mark.parametrize(
    "algorithm, weights, name, more",
    [
        ("supervised", True, "lite_segmenter_minutes", ()),
        ("dmt", True, "lite_segmenter_rounds", ()),
        ("cutmix", False, "small_segmenter_minutes", ()),
        ("dmt", False, "cpu_segmentation", ()),
        ("cbst", False, "cpu_segmentation_rounds", ()),
    ],
)
@pytest.mark.parametrize("dataset", ["mask_folder", "voc", "coco"])
def test_label_maps_too(dataset, algorithm, weights, name, more, parse):
    argv = (f"--dataset={dataset}", "--data_dir=x", f"--algorithm={algorithm}", *more)
    assert parse(*argv, weights=weights) == of_flagfile(name, argv, parse)


def test_the_papers_network_can_still_be_had(parse):
    found = parse("--dataset=voc", "--algorithm=dmt", "--network=deeplab_v2")
    assert (found["depth"], found["crop"], found["base_steps"]) == (101, "", None)


@pytest.mark.parametrize(
    "algorithm, flags, expected",
    [
        (
            "fixmatch",
            ["--batch=7"],
            {"batch": 7, "steps": 600, "learning_rate_steps": 400},
        ),
        ("fixmatch", ["--steps=50"], {"steps": 50, "learning_rate": 0.0003}),
        ("fixmatch", ["--max_minutes=2"], {"steps": None, "learning_rate": 0.0003}),
        ("fixmatch", ["--image_size=64"], {"image_size": 64}),
        ("dmt", ["--steps=900"], {"steps": 900, "base_steps": None, "rounds": 3}),
        ("dmt", ["--max_minutes=2"], {"base_steps": 300, "round_steps": 400}),
        ("dmt", ["--rounds=2"], {"rounds": 2, "fractions": "", "base_steps": 300}),
        # Who chooses a learning rate or an optimizer has settings to go with it, and
        # not the time for 524,288 steps.
        (
            "fixmatch",
            ["--learning_rate=0.1"],
            {"learning_rate": 0.1, "optimizer": "sgd", "steps": 600, "batch": 32},
        ),
        (
            "fixmatch",
            ["--optimizer=sgd"],
            {"learning_rate": 0.03, "learning_rate_steps": None, "steps": 600},
        ),
        (
            "dmt",
            ["--base_learning_rate=0.1"],
            {"learning_rate": 0.1, "base_steps": 300, "round_steps": 400},
        ),
        # Done at once, with a network that it brings.
        ("linear_probe", [], {"steps": 1, "image_size": 96}),
    ],
)
def test_what_is_given_stays(algorithm, flags, expected, parse):
    found = parse(*FOLDER, f"--algorithm={algorithm}", *flags)
    assert {name: found[name] for name in expected} == expected
    assert found["network"] == "efficientnet_lite0"


@pytest.mark.parametrize("given", ["learning_rate", "base_learning_rate"])
def test_one_learning_rate_of_segmentation_leaves_the_other(given, parse):
    argv = ("--dataset=voc", "--data_dir=images", "--algorithm=dmt")
    usual, found = parse(*argv), parse(*argv, f"--{given}=0.01")
    differing = {name for name in usual if usual[name] != found[name]}
    assert differing == {given} and found[given] == 0.01
    alone = parse(*argv[:2], "--algorithm=cutmix", "--learning_rate=0.01")
    assert alone["encoder_learning_rate_multiplier"] == 1


@pytest.mark.parametrize(
    "dataset, algorithm, name",
    [
        ("folder", "realmix", "cpu_rows"),
        ("folder", "dual_student", "cpu_rows"),
        ("folder", "dmt", "cpu_rounds"),
        ("folder", "mixdmt", "cpu_rows"),
        ("multilabel_folder", "fixmatch", "cpu_rows"),
    ],
)
def test_without_weights_photos_get_a_small_network(dataset, algorithm, name, parse):
    argv = (f"--dataset={dataset}", "--data_dir=x", f"--algorithm={algorithm}")
    found = parse(*argv, weights=False)
    assert found == of_flagfile(name, argv, parse)
    assert found["network"] == "wide_resnet"
    assert found["steps"] == 2000 or found["base_steps"] == 1000


@pytest.mark.parametrize("length", ["--steps=300", "--max_minutes=2"])
def test_what_follows_from_a_length_follows_from_the_given_one(length, parse):
    found = parse(*FOLDER, "--algorithm=realmix", length, weights=False)
    assert (found["network"], found["depth"]) == ("wide_resnet", 16)
    assert found["batch_norm_momentum"] is found["eval_every"] is None


def test_a_stage_that_is_given_needs_no_steps_of_all(parse):
    argv = (*FOLDER, "--algorithm=mixdmt", "--base_steps=9")
    assert parse(*argv, weights=False)["steps"] is None


@pytest.mark.parametrize("weights", [True, False])
def test_images_of_other_channels_get_no_weights_of_photos(weights, parse):
    argv = (*FOLDER, "--algorithm=realmix", "--channels=5")
    found = parse(*argv, weights=weights)
    assert (found["network"], found["image_size"]) == ("whitened_cnn", None)
    assert "freeze_batch_norm" not in found and "depth" not in found
    assert (found["steps"], found["batch_norm_momentum"]) == (2000, 0.9)
    found = parse(*FOLDER, "--algorithm=dmt", "--channels=5", weights=weights)
    assert (found["base_steps"], found["round_steps"]) == (1000, 600)
    assert parse(*FOLDER, "--channels=1")["network"] == "efficientnet_lite0"
    with pytest.raises(UsageError, match="for images of 5 channels.\nGive --network="):
        parse(*FOLDER, "--channels=5", "--freeze_batch_norm")


def test_what_was_chosen_is_shown_as_a_flagfile(tmp_path, capsys, monkeypatch, parse):
    """With the size of images that most files have."""
    for name in ("a", "b"):
        folder = tmp_path / "labeled" / name
        folder.mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (300, 125 + number)).save(folder / f"{number}.png")
    argv = [*FOLDER[:1], f"--data_dir={tmp_path}", "--algorithm=mixmatch", "--batch=2"]
    monkeypatch.setattr(
        "mixdmt_tf.tasks.together.train", lambda *_: None
    )  # the first step would be here
    assert train.main(argv) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "# --network=auto, as a flagfile that repeats it:"
    assert {"--image_size=128", "--learning_rate=0.0003", "--steps=600"} < {*said}
    assert "--batch=2" not in said
    (tmp_path / "chosen.flags").write_text("\n".join(said))
    again = parse(*argv, f"--flagfile={tmp_path / 'chosen.flags'}")
    assert again == {**parse(*argv), "image_size": 128}
    assert train.main([*argv, f"--flagfile={tmp_path / 'chosen.flags'}"]) == 0
    assert capsys.readouterr().out == ""


def test_a_dry_run_of_it_needs_no_tensorflow(tmp_path):
    done = commands.without_tensorflow(
        "compare", *FOLDER, "--algorithms=realmix", f"--workdir={tmp_path}", "--dry_run"
    )
    assert (done.returncode, done.stderr) == (0, "")
