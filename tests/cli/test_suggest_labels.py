"""`bin/suggest_labels` and `bin/find_strangers`, and labels that come back."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import types

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.cli import find_strangers, suggest_labels
from mixdmt_tf.runs import trained
from mixdmt_tf.runs.splits import trained_on
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import listed_images
from tests.cli import commands
from tests.tasks.classification import tiny

FOLDER = (
    "--dataset=folder",
    "--image_size=8",
    "--network=small_cnn",
    "--labels=none",
    "--validation=0",
    "--noexport",
    "--steps=4",
    "--ood_rate=0.25",
)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Ten labelled images and 16 others, one of which looks like a formula."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(3)
    for name in [
        *(f"labeled/{c}/{i}.png" for c in ("cat", "dog") for i in range(5)),
        *(f"unlabeled/{i}.png" for i in range(15)),
        "unlabeled/=1+1.png",
    ]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    done = tiny.session(folder, *FOLDER, f"--data_dir={photos}")
    assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("command", ["suggest_labels", "find_strangers"])
def test_help(command):
    text = commands.helps_at_once(command)
    assert f"usage: {command} [--flag=value ...]" in text


@pytest.mark.parametrize("command", [suggest_labels, find_strangers])
def test_it_needs_a_run(command, capsys, tmp_path):
    commands.needs_a_run(capsys, command.main, tmp_path)


def test_from_a_run_to_labels_and_back(run, photos, tmp_path, capsys):
    output = tmp_path / "next.csv"
    argv = [f"--workdir={run}", "--k=6", f"--output={output}"]
    assert suggest_labels.main(argv) == 0
    said = capsys.readouterr().out
    assert f"6 of 16 unlabelled images, by 8 views: {output}" in said
    assert "strangers left out: 5, 25.0% as the run masks, by softmax" in said
    rows = rows_of(output)
    assert list(rows[0]) == ["file", "label", "guess", "confidence", "disagreement"]
    assert len({row["file"] for row in rows}) == 6
    for row in rows:
        assert (photos / row["file"]).is_file() and row["label"] == ""
        assert row["guess"] in ("cat", "dog") and 0 <= float(row["disagreement"]) < 0.7
    with Image.open(tmp_path / "next.png") as sheet:
        assert sheet.size[0] > 6 * 128

    # Labels that somebody filled in are not written over.
    said = commands.refusal(capsys, suggest_labels.main, *argv)
    assert "may have your labels" in said

    text = output.read_text().replace(",,", ",dog,", 4)
    output.write_text(text)
    done = tiny.session(
        tmp_path / "again", *FOLDER, f"--data_dir={photos}", f"--labels_csv={output}"
    )
    assert done.code == 0, done.err
    assert f"labelled by {output}: 4 images; 2 of its rows have no label" in done.out
    again = (*FOLDER, f"--data_dir={photos}", f"--labels_csv={output}")
    task = open_task(tiny.experiment(tmp_path / "again", *again))
    found = task.read_split(tmp_path / "again" / "split.json")
    names = {task.source.names[row] for row in found.labeled}
    assert {row["file"] for row in rows[:4]} < names and len(names) == 14

    # Other labels are other data: the run does not go on with them.
    output.write_text(text.replace(",dog,", ",cat,"))
    done = tiny.session(
        tmp_path / "again", *FOLDER, f"--data_dir={photos}", f"--labels_csv={output}"
    )
    assert done.code == 1 and "is a split of other data" in done.err


def test_strangers_are_those_that_the_mask_rejects(run, photos, tmp_path, capsys):
    output = tmp_path / "strangers.csv"
    argv = [f"--workdir={run}", f"--output={output}", "--strangers=50", "--pictures=3"]
    assert find_strangers.main(argv) == 0
    said = capsys.readouterr().out
    assert f"9 of 16 unlabelled images, 50.0% as asked for: {output}" in said
    assert "3 pictures: " in said and "are of no class" not in said
    task = open_task(tiny.experiment(run, *FOLDER, f"--data_dir={photos}"))
    model = trained.load(task, run)
    split = trained_on(task, run, model)
    images = task.source.train.take(split.unlabeled).images
    largest = model.scorer.predict(model.averaged, images).max(-1)
    least = np.argsort(largest, kind="stable")[:9]
    rows = rows_of(output)
    names = [task.source.names[split.unlabeled[row]] for row in least]
    assert [row["file"] for row in rows] == names
    scores = [float(row["softmax"]) for row in rows]
    np.testing.assert_allclose(scores, largest[least], rtol=2e-3)
    assert (tmp_path / "strangers.png").is_file()


@pytest.mark.parametrize("score", ["energy", "mahalanobis"])
def test_other_scores(score, run, tmp_path):
    output = tmp_path / "strangers.csv"
    argv = [f"--workdir={run}", f"--output={output}", f"--score={score}"]
    assert find_strangers.main(argv) == 0
    found = [float(row[score]) for row in rows_of(output)]
    assert len(found) == 5 and found == sorted(found)


def test_networks_of_a_run_in_rounds(finished_rounds, tmp_path, capsys):
    output = tmp_path / "next.csv"
    argv = [f"--workdir={finished_rounds.folder}", "--k=5", f"--output={output}"]
    assert suggest_labels.main(argv) == 0
    assert "5 of 1,372 unlabelled images, by 2 networks" in capsys.readouterr().out
    rows = rows_of(output)
    assert all(row["file"].isdecimal() for row in rows)  # there are no files
    by_views = [*argv[:2], f"--output={tmp_path / 'views.csv'}", "--by=views"]
    assert suggest_labels.main(by_views) == 0
    assert rows_of(tmp_path / "views.csv") != rows


def test_what_is_refused(run, finished, tmp_path, capsys):
    output = f"--output={tmp_path / 'a.csv'}"
    for argv, words in (
        (("--by=networks",), "not a run in rounds"),
        (("--score=frozen",), "--score=frozen is found before training"),
        (("--k=0",), "--k=0"),
        (("--strangers=100",), "--strangers"),
    ):
        given = (f"--workdir={run}", output, *argv)
        assert words in commands.refusal(capsys, suggest_labels.main, *given)
    for name, words in (
        ("labels.txt", "expected a name ending in .csv"),
        ("missing/a.csv", "there is no folder"),
    ):
        given = (f"--workdir={run}", f"--output={tmp_path / name}")
        assert words in commands.refusal(capsys, find_strangers.main, *given)
    given = (f"--workdir={finished.folder}", output)
    said = commands.refusal(capsys, find_strangers.main, *given, code=1)
    assert "masks no images" in said and "--strangers=10" in said
    given = (f"--workdir={run}", output, "--strangers=0")  # of a run that masks some
    said = commands.refusal(capsys, find_strangers.main, *given)
    assert "--strangers=0 lists none" in said and "ood_rate" not in said
    none = (f"--workdir={run}", output, "--strangers=99")
    said = commands.refusal(capsys, suggest_labels.main, *none, code=1)
    assert "all 16 unlabelled images count as strangers" in said
    assert not list(tmp_path.iterdir())


def test_pictures_are_those_where_the_data_are_now(run, photos, tmp_path, monkeypatch):
    moved, seen = str(shutil.copytree(photos, tmp_path / "moved")), []

    def picture_of(source, row, experiment):
        seen.append(experiment.data.data_dir)
        return Image.new("RGB", (8, 8))

    monkeypatch.setattr(listed_images, "picture_of", picture_of)
    for number, command in enumerate((suggest_labels, find_strangers)):
        output = f"--output={tmp_path / str(number)}.csv"
        assert command.main([f"--workdir={run}", f"--data_dir={moved}", output]) == 0
    assert set(seen) == {moved}


def test_pictures_of_another_folder_are_its_files(tmp_path, monkeypatch):
    """Which may be named from the present folder on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    Image.new("RGB", (40, 30)).save("more/a.png")
    data = types.SimpleNamespace(bands=None, data_dir="photos")
    source = types.SimpleNamespace(names=["more/a.png"])
    run = types.SimpleNamespace(data=data)
    assert listed_images.picture_of(source, 0, run).size == (40, 30)


def test_images_of_another_folder_and_names_that_are_formulas(photos, tmp_path):
    moved = tmp_path / "photos"
    shutil.copytree(photos / "labeled", moved / "labeled")
    argv = [*FOLDER, f"--data_dir={moved}", f"--unlabeled_dir={photos / 'unlabeled'}"]
    assert tiny.session(tmp_path / "run", *argv).code == 0
    output = tmp_path / "a.csv"
    argv = [f"--workdir={tmp_path / 'run'}", f"--output={output}", "--strangers=99"]
    assert find_strangers.main(argv) == 0
    expected = {str(path) for path in (photos / "unlabeled").iterdir()}
    assert {row["file"] for row in rows_of(output)} == expected
    written = tmp_path / "b.csv"
    names = ["=1+1.png", "-2", "'=x\n"]
    listed_images.write(written, ["file", "energy"], [[each, "-2"] for each in names])
    assert [tuple(row.values()) for row in rows_of(written)] == [
        ("'=1+1.png", "-2"),
        ("'-2", "-2"),
        ("'=x\\n", "-2"),
    ]


@pytest.mark.parametrize("command", [suggest_labels, find_strangers])
def test_names_as_they_are_if_that_is_asked_for(command, run, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(listed_images, "write", lambda *args: given.append(args[3]))
    few = ["--k=1", "--views=2"] if command is suggest_labels else ["--pictures=1"]
    argv = [f"--workdir={run}", f"--output={tmp_path / 'a.csv'}", "--raw_names", *few]
    assert command.main(argv) == 0 and given == [True]
    # Names of files need not be text.
    monkeypatch.undo()
    name = os.fsdecode(b"\xff.png")
    listed_images.write(tmp_path / "a.csv", ["file"], [["=1.png"], [name]], True)
    assert [row["file"] for row in rows_of(tmp_path / "a.csv")] == [
        "=1.png",
        r"\udcff.png",
    ]


@pytest.mark.parametrize("failing", ["write_atomically", "write_png_atomically"])
@pytest.mark.parametrize("command", [suggest_labels, find_strangers])
def test_where_one_of_both_files_does_not_fit_there_is_none(
    command, failing, run, tmp_path, monkeypatch, capsys
):
    """Else the same command would refuse to replace the other one."""

    def full(path, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(listed_images, failing, full)
    few = ["--k=1", "--views=2"] if command is suggest_labels else ["--pictures=1"]
    output = tmp_path / "list.csv"
    assert command.main([f"--workdir={run}", f"--output={output}", *few]) == 1
    assert "cannot be written: No space left" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
