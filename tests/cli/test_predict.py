"""`bin/predict`."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.cli.predict import main
from mixdmt_tf.data import image_files
from mixdmt_tf.data.classification.config import Config as DataConfig
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import fit, open_task
from mixdmt_tf.tasks.classification import scoring
from tests.cli import commands
from tests.data.classification import made_up
from tests.runs.damaged import flipped
from tests.tasks.classification import tiny


def write(path, pixels):
    """Writes uint8 [H, W] or [H, W, 3] pixels as an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path):
    """A folder with grey digits, a coloured image, and a text; their grey pixels."""
    pixels = digits.load(DataConfig(dataset="digits")).test.images[:4]
    folder = tmp_path / "photos"
    write(folder / "b.png", pixels[0, :, :, 0])
    write(folder / "a.bmp", pixels[1, :, :, 0])
    write(folder / "more" / "c, d.PNG", pixels[2, :, :, 0])
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    write(folder / "z.png", colours)
    red, green, blue = np.moveaxis(colours.astype(np.float64), -1, 0)
    pixels = pixels.copy()
    pixels[3, :, :, 0] = np.round(0.299 * red + 0.587 * green + 0.114 * blue)
    (folder / "readme.txt").write_text("no image")
    names = ["a.bmp", "b.png", "more/c, d.PNG", "z.png"]
    return folder, names, pixels[[1, 0, 2, 3]]


def read(text):
    """Header, files, labels and numbers of a CSV file."""
    header, *rows = csv.reader(io.StringIO(text))
    numbers = np.array([row[2:] for row in rows], np.float64)
    return header, [row[0] for row in rows], [row[1] for row in rows], numbers


def test_help():
    text = commands.helps_at_once("predict")
    assert "usage: predict IMAGE_OR_FOLDER... [--flag=value ...]" in text


def test_it_needs_a_run(capsys, tmp_path):
    commands.needs_a_run(capsys, main, tmp_path, "photos")


def test_a_grey_model(finished, photos, tmp_path, capsys):
    folder, names, pixels = photos
    output = tmp_path / "out.csv"
    argv = [f"--workdir={finished.folder}", str(folder), f"--output={output}"]
    assert main(argv) == 0
    assert capsys.readouterr().out == f"4 images: {output}\n"
    header, files, labels, numbers = read(output.read_text(encoding="utf-8"))
    assert header == ["file", "label", "confidence", *"0123456789"]
    assert files == names
    model = trained.load(open_task(tiny.experiment(finished.folder)), finished.folder)
    expected = model.scorer.predict(model.averaged, pixels)
    np.testing.assert_allclose(numbers[:, 1:], expected, atol=1e-6)
    np.testing.assert_allclose(numbers[:, 0], expected.max(-1), atol=1e-6)
    assert labels == [str(best) for best in expected.argmax(-1)]


@pytest.mark.parametrize(
    "more, weights, checkpoint",
    [("--weights=raw", "raw", "last"), ("--checkpoint=best", "ema", "best")],
)
def test_other_weights_to_the_terminal(
    finished, photos, more, weights, checkpoint, capsys
):
    folder, names, pixels = photos
    argv = [f"--workdir={finished.folder}", "--output=-", str(folder), more]
    assert main(argv) == 0
    _, files, _, numbers = read(capsys.readouterr().out)  # nothing but the table
    assert files == names
    where = finished.folder
    model = trained.load(open_task(tiny.experiment(where)), where, checkpoint)
    expected = model.scorer.predict(model.weights(weights), pixels)
    np.testing.assert_allclose(numbers[:, 1:], expected, atol=1e-6)
    usual = trained.load(open_task(tiny.experiment(where)), where)
    usual = usual.scorer.predict(usual.averaged, pixels)
    assert np.abs(numbers[:, 1:] - usual).max() > 1e-5


def test_a_coloured_model(tmp_path, capsys):
    run, folder = tmp_path / "run", tmp_path / "photos"
    images = made_up.images([0, 1, 2] * 10, shape=(8, 8, 3))
    source = dataclasses.replace(
        made_up.source(), train=images, class_names=("cat", "dog, big", "owl")
    )
    flags = (tiny.SUPERVISED, "--labels=6", "--validation=0", "--steps=1")
    fit.train(tiny.experiment(run, *flags), source)
    write(folder / "colour.png", images.images[0])
    grey = images.images[1, :, :, 0]
    write(folder / "grey.png", grey)
    write(folder / "large.png", images.images[2].repeat(8, 0).repeat(8, 1))
    capsys.readouterr()
    assert main([f"--workdir={run}", str(folder), "--output=-"]) == 0
    header, files, labels, numbers = read(capsys.readouterr().out)
    assert header[3:] == ["cat", "dog, big", "owl"]
    assert files == ["colour.png", "grey.png", "large.png"]
    model = trained.load(open_task(tiny.experiment(run, *flags)), run)
    pixels = np.stack([images.images[0], np.repeat(grey[..., None], 3, -1)])
    expected = model.scorer.predict(model.averaged, pixels)
    np.testing.assert_allclose(numbers[:2, 1:], expected, atol=1e-6)
    assert labels[:2] == [header[3 + best] for best in expected.argmax(-1)]
    np.testing.assert_allclose(numbers[:, 1:].sum(-1), 1, atol=1e-5)


def test_a_file_name_that_is_no_text(finished, tmp_path, capsys):
    name = os.fsdecode(b"\xff.png")
    write(tmp_path / "photos" / name, np.zeros((8, 8), np.uint8))
    output = tmp_path / "out.csv"
    where = [f"--workdir={finished.folder}", f"--output={output}"]
    assert main([*where, str(tmp_path / "photos")]) == 0
    assert read(output.read_text(encoding="utf-8"))[1] == [r"\udcff.png"]


def test_files_that_cannot_be_used(finished, photos, tmp_path, capsys):
    """All are named, or the others predicted; as many as are read at a time or more."""
    folder, names, _ = photos
    output = tmp_path / "out.csv"
    argv = [f"--workdir={finished.folder}", str(folder), f"--output={output}"]
    assert main(argv) == 0
    expected = output.read_text()
    output.unlink()
    for name in ("aa.png", "more/zz.jpg"):
        (folder / name).write_bytes(b"no image")
    assert main(argv) == 1
    said = capsys.readouterr().err
    assert "aa.png" in said and "zz.jpg" in said and "--on_bad_image=skip" in said
    assert not output.exists()
    assert main([*argv, "--on_bad_image=skip"]) == 0
    done = capsys.readouterr()
    assert "2 files that can't be used were skipped" in done.out
    assert "zz.jpg: not a PNG" in done.err
    assert output.read_text() == expected


def test_nothing_but_predictions_is_printed(finished, photos, tmp_path, capsys):
    """And those of a finished run's own weights, or none."""
    run = shutil.copytree(finished.folder, tmp_path / "run")
    place = flipped(run / "checkpoints" / "step-00000012")
    argv = [f"--workdir={run}", "--output=-", str(photos[0] / "b.png")]
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 2
    assert f"{place} is damaged: changed since it was written" in err
    (run / "results.json").unlink()  # as of a run that goes on
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith("file,label") and len(out.splitlines()) == 2
    assert "checkpoint step-00000012 is damaged and is not used\n" in err


def test_few_images_are_in_memory_at_a_time(finished, photos, tmp_path, monkeypatch):
    folder, names, _ = photos
    output = tmp_path / "out.csv"
    argv = [f"--workdir={finished.folder}", str(folder), f"--output={output}"]
    assert main(argv) == 0
    expected = read(output.read_text())
    decode, sizes = image_files.decode, []
    monkeypatch.setattr(scoring, "BATCH", 3)

    def counted(paths, *more, **others):
        sizes.append(len(paths))
        return decode(paths, *more, **others)

    monkeypatch.setattr(image_files, "decode", counted)
    assert main(argv) == 0
    assert sizes == [3, 1]
    got = read(output.read_text())
    assert got[:3] == expected[:3]
    np.testing.assert_allclose(got[3], expected[3], atol=1e-5)


def test_single_files_and_several_folders(finished, photos, tmp_path, capsys):
    folder, names, _ = photos
    argv = [f"--workdir={finished.folder}", "--output=-"]

    def answers(*places):
        assert main([*argv, *map(str, places)]) == 0
        _, files, labels, numbers = read(capsys.readouterr().out)
        return files, dict(zip(files, numbers[:, 1:]))

    files, whole = answers(folder)
    assert files == names
    files, alone = answers(folder / "b.png")
    assert files == ["b.png"]
    np.testing.assert_allclose(alone["b.png"], whole["b.png"], atol=1e-6)
    # In the order given, each once, named from the folder that they have in common.
    files, several = answers(folder / "z.png", folder / "more", folder / "z.png")
    assert files == ["z.png", "more/c, d.PNG"]
    for name in files:
        np.testing.assert_allclose(several[name], whole[name], atol=1e-6)


def test_a_folder_without_images(finished, tmp_path, capsys):
    (tmp_path / "readme.txt").write_text("no image")
    argv = (f"--workdir={finished.folder}", f"--output={tmp_path / 'out.csv'}")
    said = commands.refusal(capsys, main, *argv, str(tmp_path), code=1)
    assert f"{tmp_path} has no PNG, JPEG or BMP images below it" in said
    said = commands.refusal(capsys, main, *argv, str(tmp_path / "missing"), code=1)
    assert f"{tmp_path / 'missing'} does not exist" in said
    said = commands.refusal(capsys, main, *argv, str(tmp_path / "readme.txt"), code=1)
    assert "readme.txt is no image by its name; expected one ending in .png" in said
    assert not (tmp_path / "out.csv").exists()


def test_the_folder_has_to_be_named(finished, capsys):
    said = commands.refusal(capsys, main, f"--workdir={finished.folder}")
    assert "expected an argument: IMAGE_OR_FOLDER" in said


def test_a_damaged_image_is_named(finished, photos, tmp_path, capsys):
    folder, *_ = photos
    (folder / "broken.png").write_bytes(b"not an image")
    argv = (f"--workdir={finished.folder}", f"--output={tmp_path / 'out.csv'}")
    said = commands.refusal(capsys, main, *argv, str(folder), code=1)
    assert "1 of 5 image files" in said and "broken.png" in said
    assert not (tmp_path / "out.csv").exists()


def test_an_output_that_cannot_be_written(
    finished, photos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(trained, "load", None)  # nothing is predicted in vain
    (tmp_path / "file").touch()
    for place, why in (
        ("missing/out.csv", "No such file or directory"),
        ("file/out.csv", "No such file or directory"),
        ("photos", "Is a directory"),
    ):
        output = tmp_path / place
        argv = (f"--workdir={finished.folder}", f"--output={output}", str(photos[0]))
        said = commands.refusal(capsys, main, *argv, code=1)
        assert f"--output={output} cannot be written: {why}" in said


def test_names_are_no_formulas_and_no_commands_for_a_terminal(
    finished, photos, tmp_path, capsys
):
    folder, names, _ = photos
    hostile = ["=cmd|' C'!A0.png", "b\x1b]0;t\x07.png"]
    for name in hostile:
        (folder / "z.png").rename(folder / name)
        write(folder / "z.png", np.zeros((8, 8), np.uint8))
    argv = [f"--workdir={finished.folder}", str(folder)]
    assert main([*argv, "--output=-"]) == 0
    out = capsys.readouterr().out
    _, shown, _, _ = read(out)
    assert "'=cmd|' C'!A0.png" in shown and "b\\x1b]0;t\\x07.png" in shown
    assert "\x1b" not in out
    output = tmp_path / "raw.csv"
    assert main([*argv, f"--output={output}", "--raw_names"]) == 0
    _, raw, _, _ = read(output.read_text())
    assert set(hostile) < set(raw)
