"""Data sets without the images that can't be used."""

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import checking, datasets, known_files
from mixdmt_tf.data.segmentation.checking import check, sound
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.splits import make_split
from mixdmt_tf.errors import UserError
from tests.data.segmentation import files


def load(root):
    return datasets.load(Config(dataset="voc", data_dir=str(root)))


def names(samples):
    return [sample.name for sample in samples]


def folder(tmp_path):
    """Of seven images three are bad: a photograph, a mask, a size."""
    root = files.voc(tmp_path, train=("c", "a", "b", "d"), val=("a", "v", "w"))
    (root / "JPEGImages/b.png").write_bytes(b"")
    files.save(root / "SegmentationClass/d.png", files.numbers(6, 7))
    files.save(root / "SegmentationClass/w.png", files.photo())
    return root


def test_what_cannot_be_used_is_left_out_and_listed(tmp_path):
    seen = []
    found = sound(load(folder(tmp_path)), lambda *counts: seen.append(counts))
    assert (names(found.train), names(found.validation)) == (["a", "c"], ["a", "v"])
    assert found.lists == {"train": ("c", "a")}
    assert [line.split(": ")[0] for line in found.skipped] == [
        str(tmp_path / name)
        for name in (
            "JPEGImages/b.png",
            "SegmentationClass/d.png",
            "SegmentationClass/w.png",
        )
    ]
    assert "d.png: 7 x 6; its image is 7 x 5" in found.skipped[1]
    assert "3 of 7 images can't be used: left out" in found.notes
    assert seen == [(7, 7)]
    check(found)
    assert make_split(found, None, 0, "train").labeled.tolist() == [1, 0]


def test_without_them_the_error_says_how_to_go_on(tmp_path):
    with pytest.raises(UserError, match="3 of 7 images .* with --on_bad_image=skip"):
        check(load(folder(tmp_path)))


def test_what_could_not_be_read_is_read_again(tmp_path, monkeypatch):
    """Memory may have been short. Images that could be read are not read again."""
    monkeypatch.setattr(known_files, "SETTLED", -(10**9))  # new files count as old
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root, look, seen = files.voc(tmp_path), checking._look, []

    def short(*_):
        return known_files.Look("too little memory")

    def again(sample, *more):
        seen.append(sample.name)
        return look(sample, *more)

    monkeypatch.setattr(checking, "_look", short)
    with pytest.raises(UserError, match="too little memory"):
        check(load(root))
    monkeypatch.setattr(checking, "_look", again)
    for _ in range(2):
        check(load(root))
        assert len(seen) == 4


def test_sound_data_stay_as_they_are(tmp_path):
    before = load(files.voc(tmp_path))
    found = sound(before)
    assert found.skipped == () and found.notes == before.notes == ()
    assert found.fingerprint() == before.fingerprint()
    assert before.skipped is None


def test_something_must_be_left(tmp_path):
    root = files.voc(tmp_path)
    files.save(root / "SegmentationClass/v.png", files.photo())
    with pytest.raises(
        UserError, match="1 of 4 .* no validation image left.*\n.*v.png"
    ):
        sound(load(root))
    for name in "abc":
        files.save(root / f"SegmentationClass/{name}.png", np.full((5, 7), 9))
    with pytest.raises(UserError, match="there is no labelled training image left"):
        sound(load(root))


def test_there_may_have_been_no_validation_images(tmp_path):
    for name in "abc":
        files.save(tmp_path / f"images/{name}.png", files.photo())
        files.save(tmp_path / f"masks/{name}.png", files.numbers())
    (tmp_path / "images/c.png").write_bytes(b"")
    config = Config("mask_folder", str(tmp_path), validation=0)
    found = sound(datasets.load(config))
    assert (names(found.train), found.validation) == (["a", "b"], ())


def test_a_command_without_that_flag_does_not_name_it(tmp_path):
    with pytest.raises(UserError, match="can't be used; repair or remove them:\n"):
        check(load(folder(tmp_path)), otherwise="")


@pytest.mark.parametrize(("part", "name"), [("training", "abc"), ("validation", "v")])
def test_masks_that_say_nothing_are_refused(part, name, tmp_path):
    root = files.voc(tmp_path)
    source = load(root)
    for each in name:
        size = files.numbers(5, 7).shape
        files.save(root / f"SegmentationClass/{each}.png", np.full(size, 255))
    for look in (check, sound):
        with pytest.raises(UserError, match=f"every pixel of the .* {part} images is"):
            look(load(root))
    files.save(root / f"SegmentationClass/{name[0]}.png", files.numbers(5, 7))
    check(load(root))  # one mask that says something is enough
    assert len(source.train) == 3
