"""Runs on a folder of images: wherever these are, it is the same run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import digests
from mixdmt_tf.cli import evaluate, pseudo_label
from mixdmt_tf.data import decoded
from mixdmt_tf.tasks.classification.task import SKIPPED
from tests.tasks.classification import tiny

FLAGS = (
    "--dataset=folder",
    "--image_size=8",
    "--labels=6",
    "--validation=4",
    "--steps=4",
    "--copies_store=auto",
    "--copies_augment=simple",
)
SKIP = "--on_bad_image=skip"


@pytest.fixture(scope="module", name="photos")
def fixture_photos(tmp_path_factory):
    """Noise of two classes, and a file that is no image."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(30):
        part = "test" if number % 5 == 0 else "train"
        path = root / part / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.RandomState(number).randint(0, 256, (11, 9, 3))
        Image.fromarray(noise.astype(np.uint8)).save(path)
    (root / "train/a/bad.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module", name="run")
def fixture_run(photos, tmp_path_factory):
    """A run with its images in memory."""
    folder = tmp_path_factory.mktemp("memory") / "run"
    argv = (*FLAGS, SKIP, f"--data_dir={photos}", "--image_store=memory")
    done = tiny.session(folder, *argv)
    assert done.code == 0, done.err
    return folder, done


def test_skipped_files_are_counted_and_listed(run, photos):
    folder, done = run
    assert f"skipped in {photos}: 1 files that can't be used" in done.out
    text = (folder / SKIPPED).read_text()
    assert (
        text == f"{photos}/train/a/bad.png: not a PNG, JPEG or BMP image, or damaged\n"
    )


def test_without_the_flag_the_run_does_not_begin(photos, tmp_path):
    done = tiny.session(tmp_path / "run", *FLAGS, f"--data_dir={photos}")
    assert done.code == 1 and "bad.png: not a PNG" in done.err
    assert "--on_bad_image=skip" in done.err


@pytest.mark.parametrize("store", ["auto", "disk", "virtual"])
def test_weights_and_scores_do_not_depend_on_where_images_are(
    store, run, photos, tmp_path, monkeypatch
):
    monkeypatch.setattr(decoded, "IN_MEMORY", 1000)  # auto: on the disk
    folder = tmp_path / "run"
    argv = [SKIP, f"--data_dir={photos}", f"--image_store={store}"]
    argv += [f"--cache_dir={tmp_path / 'cache'}"]
    done = tiny.session(folder, *FLAGS, *argv)
    assert done.code == 0, done.err
    assert done.digest == run[1].digest
    assert (folder / "split.json").read_text() == (run[0] / "split.json").read_text()
    scores = [
        [line.split(",")[2:6] for line in (each / "metrics.csv").read_text().split()]
        for each in (folder, run[0])
    ]
    assert scores[0] == scores[1]


def test_a_file_that_is_gone_in_the_middle_of_a_run(photos, tmp_path):
    """A sentence that names it; what was trained until then stays."""
    root = tmp_path / "photos"
    shutil.copytree(photos, root)

    def remove():
        for path in (root / "train/a").iterdir():
            path.unlink()

    argv = (*FLAGS, SKIP, f"--data_dir={root}", "--image_store=virtual", "--steps=40")
    argv = [each for each in argv if each != "--steps=4"]
    done = tiny.session(tmp_path / "run", *argv, moments={("save", 3): remove})
    assert done.code == 1, done.out
    assert "not a file, or a link to nothing" in done.err
    assert "Traceback" not in done.err
    assert list((tmp_path / "run/checkpoints").iterdir())


def test_evaluation_and_labels_read_a_folder_that_is_not_in_memory(
    run, photos, tmp_path, monkeypatch, capsys
):
    """And say what they say of one that is."""
    folder, _ = run
    said = []
    for place in ("memory", "disk"):
        flags = (folder / "flags.txt").read_text()
        moved = flags.replace("--image_store=memory", f"--image_store={place}")
        digests.write(folder / "flags.txt", moved)
        try:
            assert evaluate.main([f"--workdir={folder}"]) == 0
            output = tmp_path / f"{place}.npz"
            argv = [f"--workdir={folder}", f"--output={output}"]
            assert pseudo_label.main(argv) == 0
        finally:
            digests.write(folder / "flags.txt", flags)
        lines = capsys.readouterr().out.splitlines()
        own = ("reading", "written to")
        said.append([line for line in lines if not line.startswith(own)])
    assert said[0] == said[1] and "error" in said[0][1]
