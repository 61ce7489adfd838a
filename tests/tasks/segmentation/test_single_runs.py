"""Single segmentation runs, and rounds of one network that begin with one."""

from __future__ import annotations

import json
import shutil
from unittest import mock

import numpy as np
import pytest

from mixdmt_tf import digests
from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.runs import log, trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.segmentation import labeling
from mixdmt_tf.tasks.segmentation.recorder import Recorder
from mixdmt_tf.tasks.segmentation.scoring import Scorer
from tests.data.segmentation import files
from tests.runs.damaged import flipped
from tests.tasks.classification import tiny
from tests.tasks.segmentation import short

SUPERVISED = ("--algorithm=supervised", *short.SINGLE)
ONE = (*short.ROUNDS, "--rounds=1", "--noexport", "--select_on=last")


@pytest.fixture(scope="module")
def supervised(tmp_path_factory):
    return short.trained_once(tmp_path_factory, *SUPERVISED)


def results(folder):
    return json.loads((folder / "results.json").read_text())


def refusal(path, *flags, code=2):
    """What is said at once, of a command that trains nothing."""
    done = short.session(path, *flags)
    assert done.steps == () and done.code in ((1, 2) if code is None else (code,))
    assert done.err.startswith("error: ") and "Traceback" not in done.err
    return done.err


RESUMED = {
    **dict.fromkeys(("supervised", "online_st", "mean_teacher", "cutmix"), ()),
    # A peer, and another network with an optimizer of its own.
    "gct": ("--discriminator_layers=2", "--discriminator_width=4"),
}


@pytest.mark.parametrize("name", RESUMED)
def test_killed_and_resumed_equals_uninterrupted(name, supervised, tmp_path):
    flags = (f"--algorithm={name}", *short.SINGLE, *RESUMED[name])
    straight = supervised
    if name != "supervised":
        done = short.session(tmp_path / "straight", *flags)
        straight = tiny.Finished(tmp_path / "straight", done)
    assert straight.session.code == 0, straight.session.err
    found = straight.results
    assert (found["algorithm"], found["steps"]) == (name, 4)
    # What a run has that was killed after step 2.
    folder = shutil.copytree(straight.folder, tmp_path / "run")
    (folder / "results.json").unlink()
    for step in (3, 4):
        shutil.rmtree(folder / "checkpoints" / f"step-{step:08}")
    resumed = short.session(folder, *flags)
    assert (resumed.code, resumed.steps) == (0, (3, 4)), resumed.err
    assert resumed.digest == straight.session.digest
    assert short.weights(folder) == short.weights(straight.folder)
    again = results(folder)
    assert {**again, **short.DIFFERING} == {**found, **short.DIFFERING}
    averaged = name in ("mean_teacher", "cutmix")
    assert (found["test_miou"] != found["test_miou_raw"]) == averaged


@pytest.fixture(scope="module")
def self_training(supervised, tmp_path_factory):
    """CBST with a base model that was there."""
    base = f"--init_from={supervised.folder}"
    return short.trained_once(tmp_path_factory, "--algorithm=cbst", *ONE, base)


def test_one_network_that_begins_with_a_finished_run(self_training, supervised):
    found, folder = self_training.results, self_training.folder
    assert self_training.session.steps == (1, 2, 3, 4)
    assert f"finished: {supervised.folder}\n" in self_training.session.out
    assert self_training.session.out.count("8 labelled, 12 unlabelled") == 1
    assert (found["steps"], found["result_of"]) == (4, "round_1")
    assert not (folder / "base").exists() and (folder / "round_1").exists()
    assert found["base_mious"] == {"base": supervised.results["test_miou"]}
    (entry,) = found["rounds"]
    assert entry["mean_weight"] is None and set(entry["cases"].values()) == {None}
    assert (entry["teacher"], entry["fraction"]) == ("base", 100)
    assert (folder / "pseudo_labels.png").exists()


def test_other_pseudo_labels_under_a_checkpoint(self_training, supervised, tmp_path):
    folder = shutil.copytree(self_training.folder, tmp_path / "run")
    (folder / "round_1" / "results.json").unlink()
    labels = folder / "pseudo_labels" / "round_1"
    (labels / "quality.json").unlink()
    (labels / "teacher.json").unlink()
    flags = ("--algorithm=cbst", *ONE, f"--init_from={supervised.folder}")
    with mock.patch.object(Scorer, "guess", constant):
        said = refusal(folder, *flags, code=1)
    assert "or other pseudo labels" in said and "round_1" in said


def constant(self, image):
    """In place of what the network says."""
    return np.ones(image.shape[:2], np.uint8), np.full(image.shape[:2], 0.5, "f2")


def content_of(folder):
    """Of the pseudo labels of the first round."""
    index = folder / "pseudo_labels" / "round_1" / "index.json"
    return json.loads(index.read_text())["content"]


@pytest.mark.long
def test_two_devices(supervised, self_training, tmp_path):
    """The teacher says the same, whoever asks."""
    flags = ("--algorithm=dst", *ONE, f"--init_from={supervised.folder}")
    done = short.session(tmp_path / "run", *flags, "--strategy=mirrored")
    assert done.code == 0 and "2 devices" in done.out, done.err
    assert content_of(tmp_path / "run") == content_of(self_training.folder)
    (entry,) = results(tmp_path / "run")["rounds"]
    assert sum(entry["cases"].values()) == pytest.approx(100, abs=1e-3)
    assert 0 <= entry["mean_weight"] <= 1 and entry["test_miou"] > 0


@pytest.fixture(scope="module")
def snapshots(supervised, tmp_path_factory):
    """DST that goes by best snapshots, with a base model that was best after step 2."""
    folder = tmp_path_factory.mktemp("snapshots")
    base = shutil.copytree(supervised.folder, folder / "base")
    rows = log.read_rows(base)
    table = (base / "metrics.csv").read_text()
    first = str(rows[0]["validation_miou"])
    assert table.count(first) >= 1 and rows[0]["step"] == 2
    digests.write(base / "metrics.csv", table.replace(first, "99.5"))
    flags = ("--algorithm=dst", *ONE, "--snapshot=best", f"--init_from={base}")
    done = short.session(folder / "run", *flags)
    assert done.code == 0, done.err
    return tiny.Finished(folder / "run", done), rows[0]


def test_the_best_snapshot_labels_and_is_the_result(snapshots, supervised, tmp_path):
    run, first = snapshots
    found = run.results
    assert found["base_mious"] == {"base": first["test_miou"]}
    experiment = short.experiment(run.folder)
    source = short.load()
    split = splits.read_split(run.folder / "split.json", source)
    for which in ("last", "best"):
        model = trained.load(open_task(experiment), run.folder.parent / "base", which)
        asked = labeling.label(model, source, split, tmp_path / which, 1.0)
        same = asked.content == content_of(run.folder)
        assert same == (which == "best") and model.step == (2 if same else 4)
    rows = log.read_rows(run.folder / "round_1")
    best = max(rows, key=lambda row: row["validation_miou"])
    for name in ("test_miou", "validation_miou"):
        assert found[name] == best[name] == found["rounds"][0][name]
    assert found["test_pixel_accuracy"] == best["test_pixel_accuracy"]
    assert found["steps"] == 4
    base = run.folder.parent / "base"  # which goes on with its best snapshot
    assert f"from {base}, step 2, averaged" in run.session.out


def test_a_damaged_best_snapshot_is_trained_again(snapshots, tmp_path):
    run, _ = snapshots
    folder = shutil.copytree(run.folder, tmp_path / "run")
    stage = folder / "round_1"
    table, rows = (stage / "metrics.csv").read_text(), log.read_rows(stage)
    first = table.replace(str(rows[0]["validation_miou"]), "99.5")  # as if it were best
    digests.write(stage / "metrics.csv", first)
    flipped(stage / "checkpoints" / "step-00000002")
    base = f"--init_from={run.folder.parent / 'base'}"
    done = short.session(folder, "--algorithm=dst", *ONE, "--snapshot=best", base)
    assert (done.code, done.steps) == (0, (2, 3, 4)), done.err
    again, before = short.facts(folder), short.facts(run.folder)
    assert {**again, "tables": {}} == {**before, "tables": {}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--models=3"], "--models=3: expected"),
        (["--difference_share=1"], "expected a number between 0.5 and 1"),
        (["--difference_share=0.5"], "expected a number between 0.5 and 1"),
        (["--difference_share=0.4"], "--difference_share=0.4: expected"),
        (["--difference_share=0.8", "--labels=1"], "one labelled image cannot"),
        (["--init_from=runs/x"], "--models=2 needs two"),
        (["--labels=20"], "train with --algorithm=supervised"),
        (["--labels=21"], "expected 1 to 20"),
        (["--labels="], "all 20 of digit_scenes are labelled"),
        (["--labeled_list=train", "--labels="], "has no list train"),
        (["--fractions=20,50", "--rounds=5"], "2 for 5 rounds"),
        (["--steps=5"], "--steps=5 are divided among all stages"),
        (["--crop=7"], "--crop=7: expected one side"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(more, said, tmp_path):
    assert said in refusal(tmp_path, "--algorithm=dmt", *short.ROUNDS, *more)
    assert not (tmp_path / "split.json").exists()


@pytest.mark.parametrize("name", ["adversarial", "s4gan", "gct"])
def test_a_crop_that_is_too_small_for_a_discriminator(name, tmp_path):
    """Before there is a run folder."""
    said = refusal(tmp_path / "run", f"--algorithm={name}", "--discriminator_layers=5")
    assert "--discriminator_layers=5 leave nothing of crops of 17x17" in said
    assert not (tmp_path / "run").exists()


def test_single_runs_that_cannot_be_trained(tmp_path):
    for name, more, said in (
        ("mean_teacher", "--labels=20", "needs unlabelled images, and all 20 of"),
        ("cutmix", "--unlabeled_ratio=3", "pairs unlabelled images"),
        ("online_st", "--pseudo_labels=x", "learns from none"),
        ("dmt", "--pseudo_labels=nowhere", "there is no index.json"),
    ):
        flags = (f"--algorithm={name}", "--steps=4", "--batch=1", more)
        assert said in " ".join(refusal(tmp_path / name, *flags, code=None).split())


def test_a_base_model_that_does_not_fit(supervised, tmp_path):
    flags = ("--algorithm=dst", *ONE, f"--init_from={supervised.folder}")

    def said(*more):
        return refusal(tmp_path / "run", *flags, *more, code=1)

    assert "was trained with labels that this run hides" in said("--seed=2")
    assert "trained with another network: --width=4" in said("--width=5")
    base = shutil.copytree(supervised.folder, tmp_path / "base")
    (base / "results.json").unlink()
    assert "not finished" in said(f"--init_from={base}")


def folder_of_masks(root, count=6, **wrong):
    """Images and masks of three classes; some masks have a number that is none."""
    for seed in range(count):
        name = f"n{seed}"
        files.save(root / "images" / f"{name}.png", files.photo(20, 24, seed))
        numbers = files.numbers(20, 24, seed=seed)
        numbers[3, 5] = wrong.get(name, numbers[3, 5])
        files.save(root / "masks" / f"{name}.png", numbers)
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    return ("--dataset=mask_folder", f"--data_dir={root}")


@pytest.mark.parametrize("name", ["dmt", "supervised"])
def test_a_wrong_label_is_reported_before_anything_is_trained(name, tmp_path):
    data = folder_of_masks(tmp_path / "data", **{f"n{i}": 7 for i in range(6)})
    length = short.ROUNDS if name == "dmt" else ("--steps=4",)
    flags = (*data, f"--algorithm={name}", *length, "--labels=2", "--validation=2")
    said = refusal(tmp_path / "run", *flags, code=1)
    # Two that are labelled and two for validation; the labels of two are hidden.
    assert "4 of 6 images of mask_folder can't be used" in said
    assert said.count("label 7 (row 3, column 5); expected 0 to 2, or 255") == 4
    assert str(tmp_path / "data" / "masks" / "n") in said
    kept = {path.name for path in (tmp_path / "run").iterdir()}
    assert kept == {".lock", "digests.json", "flags.txt"}  # flags may be put right


def test_a_file_that_is_damaged_while_the_training_goes_on(tmp_path):
    """After all were read once."""
    data = folder_of_masks(tmp_path / "data")
    masks = [*(tmp_path / "data" / "masks").iterdir()]

    def damage(*_):
        [path.write_bytes(path.read_bytes()[:40]) for path in masks]

    with mock.patch.object(Recorder, "show_batch", damage):
        more = ("--labels=2", "--validation=2")
        done = short.session(tmp_path / "run", *data, *SUPERVISED, *more)
    assert done.code == 1 and len(done.err.splitlines()) <= 3
    assert any(f"{path}: " in done.err for path in masks)


def test_nothing_to_be_scored_on(tmp_path):
    """All that is labelled is trained on: no numbers, but a network."""
    data = folder_of_masks(tmp_path / "data")
    flags = (*data, "--labels=2", "--validation=0")
    rounds = ("--algorithm=dmt", *short.ROUNDS)
    for choice in ("--select_on=validation", "--snapshot=best"):
        said = refusal(tmp_path / "dmt", *flags, *rounds, choice)
        assert "no validation images to choose by" in said
    one = ("--algorithm=cbst", *ONE, "--compare_supervised", "--select_on=best")
    done = short.session(tmp_path / "run", *flags, *one)
    assert done.code == 0, done.out + done.err
    found = results(tmp_path / "run")
    assert found["test_miou"] is found["supervised_miou"] is None
    assert found["rounds"][0]["pseudo_accuracy"] > 0
    assert found["result_of"] == "round_1"
    assert "--validation=N holds some out" in found["warnings"][0]
    assert "cbst: no labelled images to score" in done.out
    assert np.isfinite(found["rounds"][0]["share_labeled"])
    assert (tmp_path / "run/pseudo_labels/round_1" / pseudo_labels.INDEX).exists()
