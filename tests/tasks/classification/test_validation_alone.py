"""Runs without test images: validation images judge them, and labels alone too."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.report.reading import read
from tests.tasks.classification import tiny

FLAGS = ("--dataset=folder", "--labels=12", "--validation=none", "--copies=0")
ROUNDS = ("--algorithm=dmt", *tiny.SHORT_ROUNDS)


@pytest.fixture(name="images", scope="module")
def fixture_images(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    places = [f"{part}/{name}" for part in ("labeled", "val") for name in "ab"]
    for seed, place in enumerate((*places, "unlabeled")):
        (root / place).mkdir(parents=True)
        for number in range(6):
            random = np.random.RandomState(10 * seed + number)
            noise = random.randint(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(noise).save(root / place / f"{number}.png")
    return root


@pytest.mark.parametrize(
    "algorithm, alone, said",
    [
        (("--algorithm=pseudo_label", "--steps=2"), "supervised", "of supervised, "),
        (ROUNDS, "base", "of the base model, "),
    ],
)
def test_labels_alone_beside_it(algorithm, alone, said, images, tmp_path):
    more = ("--compare_supervised", "--report=true", f"--data_dir={images}")
    done = tiny.session(tmp_path, *FLAGS, *algorithm, *more)
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    folder = tmp_path / alone
    baseline = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert found["test_error"] is found["supervised_error"] is None
    for raw in ("", "_raw"):
        expected = baseline[f"validation_error{raw}"]
        assert found[f"supervised_validation_error{raw}"] == expected is not None
    assert f"validation error {said}" in done.out and "unknown %" not in done.out
    page = read((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "labels alone: validation, EMA" in page.text
    assert "than labels alone" in page.text and "test error unknown" not in page.text
    score = found["validation_error"]
    assert f"validation error {score:.2f} %" in page.text
    for entry in found.get("rounds", []):
        words = f"right; validation error {entry['validation_error']:.2f} %"
        assert words in done.out
