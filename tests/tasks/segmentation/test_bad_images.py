"""Training on a folder of which some files can't be used."""

from __future__ import annotations

import json

from mixdmt_tf.data.segmentation import checking, datasets, splits
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.tasks.segmentation import preparation
from tests.data.segmentation import files
from tests.tasks.segmentation import short

FLAGS = ("--dataset=voc", "--labels=", "--algorithm=supervised", "--steps=2")


def folder(root):
    files.voc(root, train=[f"t{i}" for i in range(8)], val=("v", "w"))
    files.save(root / "SegmentationClass/w.png", files.photo())
    return root


def damage(root):
    (root / "JPEGImages/t3.png").write_bytes(b"no image")


def test_bad_images_are_refused_unless_they_are_skipped(tmp_path):
    """The list is in the run's folder; who resumes leaves out the same ones."""
    data, run = folder(tmp_path / "data"), tmp_path / "run"
    flags = (*FLAGS, f"--data_dir={data}", "--crop=9", "--noexport")
    refused = short.session(run, *flags)
    assert refused.code == 1
    assert "1 of 10 images of voc can't be used" in refused.err
    damage(data)  # its size is asked before all files are read
    refused = short.session(run, *flags)
    assert refused.code == 1
    assert "t3.png: not a PNG" in refused.err and "--on_bad_image=skip" in refused.err
    for _ in range(2):
        done = short.session(run, *flags, "--on_bad_image=skip")
        assert done.code == 0, done.out + done.err
        listed = (run / preparation.SKIPPED).read_text().splitlines()
        assert [line.split(": ")[0] for line in listed] == [
            str(data / "JPEGImages/t3.png"),
            str(data / "SegmentationClass/w.png"),
        ]
    split = json.loads((run / "split.json").read_text())
    assert split["labeled"] == [*range(7)]


def test_stages_of_a_run_in_rounds_have_no_lists_of_their_own(tmp_path, monkeypatch):
    """And nothing is read again that was read when the data set was opened."""
    data, stage = folder(tmp_path / "data"), tmp_path / "run" / "base"
    damage(data)
    stage.mkdir(parents=True)
    config = Config("voc", str(data), on_bad_image="skip")
    source = preparation.open_source(config)
    assert len(source.train) == 7 and len(source.skipped) == 2
    monkeypatch.setattr(checking, "check", None)
    split = splits.make_split(source, "2", 0)
    preparation.check(stage.parent, source, split)
    preparation.check(stage, source, split)
    found = [*tmp_path.rglob(preparation.SKIPPED)]
    assert found == [stage.parent / preparation.SKIPPED]


def test_where_all_can_be_used_nothing_is_listed(tmp_path):
    data = files.voc(tmp_path / "data")
    source = preparation.open_source(Config("voc", str(data), on_bad_image="skip"))
    preparation.check(tmp_path, source, splits.make_split(source, "2", 0))
    assert not (tmp_path / preparation.SKIPPED).exists()
    usual = preparation.open_source(Config("voc", str(data)))
    assert usual.skipped is None
    assert usual.fingerprint() == datasets.load(Config("voc", str(data))).fingerprint()
