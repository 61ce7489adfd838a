"""Folders of images in both layouts, and what can be wrong with them."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.classification import datasets, splits
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UsageError, UserError


def _paint(root, *names):
    """Plain images; the grey value of the n-th is n."""
    for value, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6 + value, 5), value).save(path)


def _load(root, **settings):
    return datasets.load(Config(dataset="folder", data_dir=str(root), **settings))


def _greys(images):
    return np.asarray(images.images)[:, 0, 0, 0].tolist()


def _tree(root):
    return sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*"))


def test_train_and_test(tmp_path):
    """The first layout; classes are sorted names, rows sorted paths."""
    _paint(
        tmp_path,
        "train/dog/b.png",
        "train/dog/a.bmp",
        "train/cat/deep/er/c.png",
        "train/cat/d.png",
        "test/dog/x.png",
    )
    before = _tree(tmp_path)
    source = _load(tmp_path, image_size=16)
    assert source.class_names == ("cat", "dog")
    assert source.image_shape == (16, 16, 3)
    assert source.train.labels.tolist() == [0, 0, 1, 1]
    assert _greys(source.train) == [3, 2, 1, 0]
    assert (source.test.labels.tolist(), _greys(source.test)) == ([1], [4])
    assert source.validation is None
    assert (source.flip, source.crop_padding) == (True, 2)
    assert source.notes == ()
    assert _tree(tmp_path) == before


def test_labeled_and_unlabeled(tmp_path):
    """The second layout; images under unlabeled/ have no class, whatever their path."""
    _paint(
        tmp_path,
        "labeled/cat/a.png",
        "labeled/dog/b.png",
        "labeled/dog/c.png",
        "unlabeled/z.png",
        "unlabeled/dog/deep/y.png",
        "val/cat/v.png",
        "test/cat/t.png",
    )
    source = _load(tmp_path)
    assert source.train.labels.tolist() == [0, 1, 1, -1, -1]
    assert _greys(source.train) == [0, 1, 2, 4, 3]
    assert (source.validation.labels.tolist(), _greys(source.validation)) == ([0], [5])
    assert (source.test.labels.tolist(), _greys(source.test)) == ([0], [6])
    assert source.image_shape == (32, 32, 3)


def test_labels_of_the_second_layout(tmp_path):
    """All, fewer, or too many; the images under val/ judge."""
    _paint(tmp_path, *(f"labeled/{c}/{n}.png" for c in "ab" for n in range(4)))
    _paint(tmp_path, "unlabeled/u.png", "val/a/v.png")
    source = _load(tmp_path)
    everything = splits.make_split(source, 8, None, seed=0)
    assert sorted(everything.labeled.tolist()) == list(range(8))
    assert everything.unlabeled.tolist() == [8]
    assert splits.validation_images(everything, source) is source.validation
    fewer = splits.make_split(source, 2, None, seed=0)
    assert len(fewer.unlabeled) == 7
    with pytest.raises(UsageError, match="only 8 training images with a label"):
        splits.make_split(source, 250, None, seed=0)


def test_unlabeled_may_stand_beside_train_and_test_may_be_missing(tmp_path):
    """Parts are independent of each other."""
    _paint(tmp_path, "train/a/1.png", "train/b/2.png", "unlabeled/3.png")
    source = _load(tmp_path)
    assert source.train.labels.tolist() == [0, 1, -1]
    assert source.test is None


def test_what_is_left_out_is_counted(tmp_path):
    """Hidden entries, other suffixes, and images outside of class folders."""
    _paint(tmp_path, "train/a/1.png", "train/b/2.png", "train/a/.3.png", "train/4.png")
    tmp_path.joinpath("train/b/notes.txt").write_text("x")
    tmp_path.joinpath("train/.cache").mkdir()
    source = _load(tmp_path)
    assert len(source.train) == 2
    (note,) = source.notes
    assert f"left out in {tmp_path}: 4 " in note


def test_the_fingerprint_follows_the_pictures(tmp_path):
    """Not the file names, but size, pixels and classes."""
    _paint(tmp_path, "train/a/1.png", "train/b/2.png")
    prints = [
        _load(tmp_path).fingerprint(),
        _load(tmp_path, image_size=8).fingerprint(),
    ]
    tmp_path.joinpath("train/a/1.png").rename(tmp_path / "train/a/one.png")
    prints.append(_load(tmp_path).fingerprint())
    Image.new("L", (6, 5), 200).save(tmp_path / "train/a/one.png")
    prints.append(_load(tmp_path).fingerprint())
    assert prints[0] == prints[2]
    assert len(set(prints)) == 3


def test_bad_files_of_all_parts_are_named_together(tmp_path):
    """So that one repair is enough."""
    _paint(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png")
    for name in ("train/a/bad.png", "test/b/worse.jpg"):
        tmp_path.joinpath(name).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(name).write_bytes(b"no image")
    with pytest.raises(UserError, match="^2 of 5 image files") as caught:
        _load(tmp_path)
    assert str(tmp_path / "train/a/bad.png") in str(caught.value)
    assert str(tmp_path / "test/b/worse.jpg") in str(caught.value)


@pytest.mark.parametrize("store", ["auto", "disk", "memory", "virtual"])
def test_bad_files_can_be_left_out(store, tmp_path):
    """Of all parts; what is wrong with each is kept."""
    _paint(
        tmp_path,
        "train/a/1.png",
        "train/a/3.png",
        "train/b/2.png",
        "unlabeled/4.png",
        "test/a/5.png",
    )
    for name in ("train/a/2.png", "unlabeled/bad.jpg", "test/a/0.png"):
        (tmp_path / name).write_bytes(b"no image")
    whole = {"image_store": store, "cache_dir": str(tmp_path.parent / "cache")}
    source = _load(tmp_path, on_bad_image="skip", **whole)
    assert source.train.labels.tolist() == [0, 0, 1, -1]
    assert _greys(source.train) == [0, 1, 2, 3]
    assert _greys(source.test) == [4]
    assert source.notes == (f"skipped in {tmp_path}: 3 files that can't be used",)
    names = [line.split(": ")[0] for line in source.skipped]
    assert names == [
        str(tmp_path / name)
        for name in ("train/a/2.png", "unlabeled/bad.jpg", "test/a/0.png")
    ]
    for path in names:
        pathlib.Path(path).unlink()
    assert _load(tmp_path, **whole).fingerprint() == source.fingerprint()


@pytest.mark.parametrize(
    ("bad", "message"),
    [("train/b", "train/b has no PNG, .* that can be used"), ("test/a", "test has no")],
)
def test_a_class_or_a_part_without_a_good_file_is_refused(bad, message, tmp_path):
    _paint(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png")
    for path in (tmp_path / bad).iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match=message):
        _load(tmp_path, on_bad_image="skip")


def test_the_folder_without_a_good_file_is_the_one_that_is_there(tmp_path):
    for name in ("labeled/a", "labeled/b"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="/labeled has no PNG, JPEG or BMP images that"):
        _load(tmp_path, on_bad_image="skip")


@pytest.mark.parametrize("store", ["auto", "disk", "memory", "virtual"])
def test_the_source_does_not_depend_on_where_images_are(store, tmp_path):
    names = [f"train/{name}/{number}.png" for name in "ab" for number in range(3)]
    _paint(tmp_path, *names, "unlabeled/u.png", "test/a/t.png")
    source = _load(tmp_path, image_store=store)
    in_memory = _load(tmp_path, image_store="memory")
    assert source.fingerprint() == in_memory.fingerprint()
    lazy = not isinstance(source.train.images, np.ndarray)
    assert lazy == (store in ("disk", "virtual"))
    np.testing.assert_array_equal(source.test.images[:], in_memory.test.images)


@pytest.mark.parametrize(
    ("names", "folders", "message"),
    [
        ((), (), r"expected train/<class>/ .* labeled/<class>/ .*; found nothing"),
        (("dogs/1.png",), (), "expected train/<class>/ .*; found dogs"),
        (("train/a/1.png", "labeled/a/2.png"), (), "both train/ and labeled/"),
        (("train/1.png",), (), "has the class folders nothing; expected at least two"),
        (("train/a/1.png",), (), "has the class folders a; expected at least two"),
        (("train/a/1.png",), ("train/b",), "train/b has no PNG, JPEG or BMP images"),
        (
            ("train/a/1.png", "train/b/2.png", "test/c/3.png"),
            (),
            "test has the classes c, which have no training images; .* a, b",
        ),
        (("train/a/1.png", "train/b/2.png"), ("test",), "test has no PNG"),
        (("train/a/1.png", "train/b/2.png"), ("unlabeled/x",), "unlabeled has no PNG"),
        (("train/a\n/1.png", "train/b/2.png"), (), r"'a\\n', a name with characters"),
    ],
)
def test_folders_that_are_not_as_expected(tmp_path, names, folders, message):
    """Each with what was expected and what was found."""
    _paint(tmp_path, *names)
    for folder in folders:
        tmp_path.joinpath(folder).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UserError, match=message):
        _load(tmp_path)


def test_an_empty_class_among_the_test_images_is_fine(tmp_path):
    """Its accuracy is unknown, that is all."""
    _paint(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png")
    tmp_path.joinpath("test/b").mkdir()
    assert _load(tmp_path).test.labels.tolist() == [0]


def test_data_dir_is_needed_and_has_to_be_a_folder(tmp_path):
    """The first is a matter of the command, the second of the disk."""
    with pytest.raises(UsageError, match="--dataset=folder needs --data_dir=DIR"):
        _load("")
    with pytest.raises(UserError, match="nowhere is not a folder"):
        _load(tmp_path / "nowhere")


def test_names_with_blanks_and_letters_of_all_kinds(tmp_path):
    """Class names are what people write."""
    _paint(tmp_path, "train/Größe 1/ü é.png", "train/狗/-x..png")
    source = _load(tmp_path)
    assert source.class_names == ("Größe 1", "狗")
    np.testing.assert_array_equal(source.train.labels, [0, 1])


def test_images_of_four_channels(tmp_path):
    """The same pixels in memory, on the disk and made on demand; PNG and .npy mixed."""
    values = np.random.default_rng(1).integers(0, 4096, (3, 9, 9, 4)).astype(np.uint16)
    for folder in ("train/a", "train/b"):
        (tmp_path / folder).mkdir(parents=True)
    np.save(tmp_path / "train/a/x.npy", values[0])
    np.save(tmp_path / "train/b/y.npy", values[1])
    eight_bits = (values[2] // 16).astype(np.uint8)
    Image.fromarray(eight_bits).save(tmp_path / "train/b/z.png")
    with pytest.raises(UserError, match="a has no PNG"):
        _load(tmp_path)
    chosen = {"channels": 4, "pixel_range": "0,4095", "image_size": 9}
    places = {"cache_dir": str(tmp_path / "cache"), "image_store": "disk"}
    found = _load(tmp_path, **chosen, **places)
    assert found.image_shape == (9, 9, 4)
    images = np.asarray(found.train.images)
    np.testing.assert_array_equal(images[:2], np.rint(values[:2] / 4095 * 255))
    np.testing.assert_array_equal(images[2], np.rint(eight_bits / 4095 * 255))
    for store in ("memory", "virtual"):
        same = _load(tmp_path, **chosen, image_store=store)
        np.testing.assert_array_equal(np.asarray(same.train.images), images)
    other = _load(tmp_path, **{**chosen, "pixel_range": "0,8190"}, **places)
    assert np.asarray(other.train.images).max() < 130  # not what the cache holds
    with pytest.raises(UserError, match="4 channels; expected --channels=2"):
        _load(tmp_path, **{**chosen, "channels": 2})
    (tmp_path / "train/c").mkdir()
    with pytest.raises(UserError, match="c has no PNG, JPEG, BMP, TIFF or NumPy imag"):
        _load(tmp_path, **chosen)


def test_channels_are_for_folders():
    with pytest.raises(UsageError, match="is for --dataset=folder"):
        Config(dataset="cifar10", channels=4)
    with pytest.raises(UsageError, match="--unlabeled_dir"):
        Config(
            dataset="folder", channels=4, unlabeled_dataset="svhn", labeled_classes="a"
        )
