"""`bin/predict` of a segmentation run."""

from __future__ import annotations

import errno
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.cli.predict import main
from mixdmt_tf.data.segmentation.datasets import digit_scenes
from mixdmt_tf.data.segmentation.files import FileSample
from mixdmt_tf.data.segmentation.label_maps import read_indices
from mixdmt_tf.data.segmentation.source import paint, voc_colours
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.segmentation import prediction
from tests.cli import commands
from tests.data.segmentation import files
from tests.tasks.segmentation import tiny

NAMES = ("background", *"0123456789")
COLOURS = voc_colours(len(NAMES))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny.finished(tmp_path_factory)


@pytest.fixture
def photos(tmp_path):
    """Images of several sizes, kinds and formats, and a text."""
    folder = tmp_path / "photos"
    files.save(folder / "a.png", digit_scenes.compose("test", 0)[0])
    files.save(folder / "b.jpg", files.photo(31, 70))
    files.save(folder / "more" / "a.v2.PNG", files.photo(20, 9)[..., 0])
    files.save(folder / "more" / "dot.bmp", files.photo(1, 1))
    (folder / "readme.txt").write_text("no image")
    return folder


def contents(folder):
    """Every file below a folder, by name."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    "more, weights, checkpoint",
    [((), "ema", "last"), (("--weights=raw", "--checkpoint=best"), "raw", "best")],
)
def test_every_pixel_of_every_picture(
    run, photos, more, weights, checkpoint, tmp_path, capsys
):
    run = tiny.best_before(run, tmp_path / "copy")
    output = tmp_path / "new" / "out"
    argv = [f"--workdir={run.folder}", str(photos), f"--output={output}", *more]
    assert main(argv) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"4 images: {output}" and "labelling 4/4" in said[-2]
    model = trained.load(open_task(tiny.experiment(run.folder)), run.folder, checkpoint)
    expected = {"classes.txt", "legend.png"}
    for name in ("a.png", "b.jpg", "more/a.v2.PNG", "more/dot.bmp"):
        image = FileSample("", image_path=photos / name).image()
        probs = model.scorer.predict(model.weights(weights), image[np.newaxis])
        stem = os.path.splitext(name)[0]
        labels = read_indices(output / f"{stem}.png")
        np.testing.assert_array_equal(labels, probs[0].argmax(-1))
        with Image.open(output / f"{stem}.png") as picture:
            assert picture.mode == "P"
            palette = np.reshape(picture.getpalette(), (-1, 3))
        np.testing.assert_array_equal(palette[: len(NAMES)], COLOURS)
        with Image.open(output / f"{stem}_overlay.png") as picture:
            three = np.split(np.asarray(picture), 3, axis=1)
        np.testing.assert_array_equal(three[0], image)
        np.testing.assert_array_equal(three[1], COLOURS[labels])
        mean = (image.astype(int) + COLOURS[labels]) / 2
        np.testing.assert_allclose(three[2], mean, atol=0.5)
        expected |= {f"{stem}.png", f"{stem}_overlay.png"}
    assert set(contents(output)) == expected
    assert (output / "classes.txt").read_text() == "\n".join(NAMES) + "\n"
    assert len(np.unique(read_indices(output / "a.png"))) > 1


def test_again_and_below_the_pictures_themselves(run, photos, monkeypatch, capsys):
    """The default is a folder where one is; what is in it is not labelled again."""
    monkeypatch.chdir(photos)
    argv = [f"--workdir={run.folder}", "."]
    assert main(argv) == 0
    first = contents(photos / "predictions")
    assert {"a.png", "more/dot_overlay.png", "legend.png"} < set(first)
    files.save(photos / "new.png", files.photo())
    assert main(argv) == 0
    assert capsys.readouterr().out.endswith("5 images: predictions\n")
    again = contents(photos / "predictions")
    assert set(again) - set(first) == {"new.png", "new_overlay.png"}
    assert {name: again[name] for name in first} == first


def test_names_that_differ_in_the_suffix_only(run, tmp_path):
    folder, output = tmp_path / "photos", tmp_path / "out"
    for place, name in enumerate(("x/a.png", "x/a.bmp", "a.bmp", "legend.png.bmp")):
        files.save(folder / name, files.photo(5, 6 + place))
    argv = [f"--workdir={run.folder}", str(folder), f"--output={output}"]
    assert main(argv) == 0
    widths = {
        name: Image.open(output / name).width
        for name in contents(output)
        if "_overlay" not in name and name not in ("legend.png", "classes.txt")
    }
    expected = {"x/a.png.png": 6, "x/a.bmp.png": 7, "a.png": 8, "legend.png.png": 9}
    assert widths == expected


@pytest.mark.parametrize(
    "names, clash",
    [
        (("legend.bmp",), "legend.png"),
        (("a.png", "a_overlay.png"), "a_overlay.png"),
        (("a.png", "a.jpg", "a.png.bmp"), "a.png.png"),
    ],
)
def test_names_that_nothing_keeps_apart(run, names, clash, tmp_path, capsys):
    for name in names:
        files.save(tmp_path / "photos" / name, files.photo())
    output = tmp_path / "out"
    argv = (f"--workdir={run.folder}", str(tmp_path / "photos"), f"--output={output}")
    said = commands.refusal(capsys, main, *argv, code=1)
    assert f"{output / clash} would be written for two images" in said
    assert not output.exists()


def test_damaged_pictures_are_named(run, photos, tmp_path, capsys):
    (photos / "bad.png").write_bytes(b"no image")
    half = (photos / "b.jpg").read_bytes()
    (photos / "half.jpg").write_bytes(half[: len(half) // 2])
    output = tmp_path / "out"
    argv = [f"--workdir={run.folder}", str(photos), f"--output={output}"]
    assert main(argv) == 1
    said = capsys.readouterr().err
    assert "2 of 6 images" in said and "Traceback" not in said
    for name in ("bad.png", "half.jpg"):
        assert f"{photos / name}: " in said
    assert not output.exists()


def test_nothing_of_others_is_overwritten(run, photos, tmp_path, capsys):
    mine = tmp_path / "mine"
    shutil.copytree(photos, mine)
    before = contents(mine)
    argv = (f"--workdir={run.folder}", str(photos))
    said = commands.refusal(capsys, main, *argv, f"--output={mine}", code=1)
    assert f"{mine / 'a.png'} is there already" in said and contents(mine) == before
    said = commands.refusal(
        capsys, main, *argv, f"--output={mine / 'readme.txt'}", code=1
    )
    assert "is a file; expected a folder" in said
    # The next call would take images of "more" for what this one wrote there.
    for place in (photos, tmp_path, photos / "more"):
        said = commands.refusal(capsys, main, *argv, f"--output={place}")
        assert f"--output={place} holds images" in said
    said = commands.refusal(capsys, main, *argv, "--output=-")
    assert "--output=-: a run of segmentation writes label maps" in said
    assert contents(mine) == contents(photos) == before
    # A folder of something else, none of it in the way, may be written to.
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("precious")
    assert main([*argv, f"--output={tmp_path / 'other'}"]) == 0
    assert (tmp_path / "other" / "notes.txt").read_text() == "precious"
    (tmp_path / "other" / "classes.txt").write_text("cat\ndog\n")
    said = commands.refusal(
        capsys, main, *argv, f"--output={tmp_path / 'other'}", code=1
    )
    assert "has labels of other classes" in said


def test_an_output_that_cannot_be_written(run, photos, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    argv = (f"--workdir={run.folder}", str(photos))
    output = tmp_path / "file" / "out"
    said = commands.refusal(capsys, main, *argv, f"--output={output}", code=1)
    assert f"--output={output} cannot be written: Not a directory" in said


@pytest.mark.parametrize("number", [1, 2])
def test_a_disk_that_is_full_at_the_beginning(
    number, run, photos, tmp_path, monkeypatch, capsys
):
    """Of the first two files none may keep the same command from going on later."""
    write, calls = prediction.write_bytes_atomically, []

    def fail(path, content):
        calls.append(path)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    argv = [f"--workdir={run.folder}", f"--output={tmp_path / 'out'}", str(photos)]
    with monkeypatch.context() as patch:
        patch.setattr(prediction, "write_bytes_atomically", fail)
        said = commands.refusal(capsys, main, *argv, code=1)
    assert "No space left on device" in said
    assert main(argv) == 0


def test_a_large_picture_is_shown_smaller():
    image, labels = files.photo(10, 3000), np.zeros((10, 3000), np.uint8)
    labels[:, 1500:] = 4
    shown = np.asarray(prediction.overlay(image, labels, COLOURS))
    assert shown.shape == (3, 3 * 1024, 3)
    np.testing.assert_array_equal(
        shown[:, 1024:2048], paint(np.repeat([[0, 4]] * 3, 512, 1), COLOURS)
    )


def test_a_legend_of_many_classes_has_several_columns():
    names = [f"class {number}" for number in range(255)]
    colours = voc_colours(255)
    legend = np.asarray(prediction.legend(names, colours))
    assert legend.shape == (25 * 24 + 8, 11 * 240, 3)
    for number in (0, 24, 25, 254):
        column, row = divmod(number, 25)
        place = legend[24 * row + 16, 240 * column + 58]
        np.testing.assert_array_equal(place, colours[number])


def test_a_single_image(run, photos, tmp_path):
    argv = [f"--workdir={run.folder}", f"--output={tmp_path / 'out'}"]
    assert main([*argv, str(photos / "more" / "a.v2.PNG")]) == 0
    assert set(contents(tmp_path / "out")) == {
        *("classes.txt", "legend.png", "a.v2.png", "a.v2_overlay.png"),
    }
