"""Images of which some have no mask, or a hidden one that nobody can read."""

from __future__ import annotations

import json

import pytest

from mixdmt_tf.data.segmentation.files import FileSample
from mixdmt_tf.data.segmentation.source import hidden_labels
from tests.data.segmentation import files
from tests.tasks.segmentation import short

NAMES = [f"n{i}" for i in range(6)]


@pytest.fixture
def folder(tmp_path):
    """In VOC's layout: six images to learn from, of which three have masks."""
    root = tmp_path / "voc"
    for seed, name in enumerate([*NAMES, "v1", "v2"]):
        files.save(root / "JPEGImages" / f"{name}.png", files.photo(20, 24, seed))
        if name not in NAMES[3:]:
            mask = root / "SegmentationClass" / f"{name}.png"
            files.save(mask, files.numbers(20, 24, seed=seed), files.PALETTE)
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("\n".join(NAMES))
    (lists / "val.txt").write_text("v1\nv2")
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    return root


def trained(folder, workdir, *more):
    data = ("--dataset=voc", f"--data_dir={folder}", "--noexport")
    done = short.session(workdir, *data, "--rounds=1", *short.ROUNDS, *more)
    assert done.code == 0, done.out + done.err
    return done, json.loads((workdir / "results.json").read_text())


@pytest.mark.long
def test_a_whole_run_with_masks_for_labelled_images_only(folder, tmp_path):
    more = ("--algorithm=dmt", "--models=1", "--labels=")
    done, found = trained(folder, tmp_path / "run", *more)
    assert "voc: 3 labelled, 3 unlabelled, 2 validation; 3 classes" in done.out
    assert "3 images of train.txt have no label map: they are unlabelled" in done.out
    assert [each["stage"] for each in found["rounds"]] == ["round_1"]
    for each in found["rounds"]:
        assert each["pseudo_labels"] == 3 and each["share_labeled"] == 100
        assert each["pseudo_accuracy"] is each["accuracy_of_all"] is None
        assert each["weight_right"] is each["weight_wrong"] is None
    assert (tmp_path / "run" / "pseudo_labels.png").exists()


@pytest.mark.long
def test_hidden_masks_that_cannot_be_read_are_none(folder, tmp_path):
    """Nobody has looked at them; the one that is sound is what the run reports on."""
    (folder / "SegmentationClass" / "n3.png").write_text("hello")
    image, mask = (folder / part / "n3.png" for part in ("JPEGImages", "Segm"))
    assert hidden_labels(FileSample("n3", image_path=image, mask_path=mask), 3) is None
    more = ("--algorithm=cbst", "--labels=1")
    _, found = trained(folder, tmp_path / "run", *more)
    (entry,) = found["rounds"]
    assert entry["pseudo_labels"] == 5 and 0 <= entry["pseudo_accuracy"] <= 100
