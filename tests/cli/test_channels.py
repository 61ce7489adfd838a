"""From images of four or five channels to predictions, both tasks."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.cli import predict, train

SHORT = ("--steps=2", "--eval_every=2", "--batch=4", "--precision=float32")
RNG = np.random.default_rng(3)


def test_images_of_four_channels_are_classified(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for part in ("train", "test"):
        for kind in ("a", "b"):
            for number in range(4):
                path = tmp_path / "data" / part / kind / f"{number}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, RNG.integers(0, 4096, (9, 9, 4)).astype(np.uint16))
    chosen = (
        *("--algorithm=realmix", "--dataset=folder", "--data_dir=data"),
        *("--channels=4", "--pixel_range=0,4095", "--labels=4", "--validation=0"),
        *("--network=small_cnn", "--image_size=9", "--copies=2", *SHORT),
        *("--workdir=run", "--cache_dir=cache"),
    )
    assert train.main(chosen) == 0
    assert (tmp_path / "run" / "report.html").is_file()
    capsys.readouterr()
    assert predict.main(["--workdir=run", "--output=-", "data/test/b"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["file"] for row in rows] == [f"{n}.npy" for n in range(4)]


@pytest.mark.long
def test_images_of_five_channels_are_labelled_pixel_by_pixel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "masks").mkdir()
    for number in range(5):
        np.save(f"data/images/{number}.npy", RNG.uniform(size=(24, 20, 5)))
        mask = RNG.integers(0, 2, (24, 20)).astype(np.uint8)
        Image.fromarray(mask).save(f"data/masks/{number}.png")
    chosen = (
        *("--algorithm=s4gan", "--dataset=mask_folder", "--data_dir=data"),
        *("--channels=5", "--pixel_range=0,1", "--labels=2", "--validation=1"),
        *("--network=small_segmenter", "--width=4", "--depth=2", "--crop=17", *SHORT),
        *("--discriminator_layers=2", "--discriminator_width=4", "--workdir=run"),
    )
    assert train.main(chosen) == 0
    assert (tmp_path / "run" / "report.html").is_file()
    assert predict.main(["--workdir=run", "--output=out", "data/images"]) == 0
    assert np.asarray(Image.open("out/3.png")).shape == (24, 20)
    assert Image.open("out/3_overlay.png").size == (60, 24)
