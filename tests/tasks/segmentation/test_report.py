"""Pages about runs that label every pixel."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.segmentation.source import IGNORED
from mixdmt_tf.equations import mean_iou
from mixdmt_tf.report.page import Table
from mixdmt_tf.runs import predictions
from mixdmt_tf.tasks import open_task, reporting
from mixdmt_tf.tasks.segmentation import findings, report
from tests.report.reading import read
from tests.tasks.segmentation import short

DST = ("--algorithm=dst", *short.ROUNDS, "--rounds=1", "--noexport")


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory):
    """A run in one round that wrote its page when it ended."""
    return short.trained_once(tmp_path_factory, *DST, "--report=true")


@pytest.fixture(name="page", scope="module")
def fixture_page(run):
    """That page."""
    return read((run.folder / reporting.NAME).read_text(encoding="utf-8"))


def test_what_the_page_of_a_run_in_rounds_has(page, run):
    assert [each["id"] for each in page.all("section")] == [
        "what-was-run",
        "scores",
        "curves",
        "rounds",
        "iou-of-each-class-and-confusion",
        "calibration",
        "images-truth-and-prediction",
        "guessed-labels-against-their-truth",
        "most-doubted-unlabelled-images",
    ]
    assert f"test, EMA {run.results['test_miou']:.2f} %" in page.text
    alone = run.results["base_mious"]["base"]
    assert f"labels alone: test, EMA {alone:.2f} %" in page.text
    assert "The 4 with the lowest mean IoU of 4 of 4 test images" in page.text
    alts = [each["alt"] for each in page.all("img")]
    figures = [each for each in alts if each.startswith("Images, their truth, and for")]
    assert len(figures) == 1 and len(alts) == 1 + 4 + 4
    assert len(page.all("span")) > 10  # the legend of the classes


def test_the_counts_of_the_last_evaluation_are_kept(run):
    found = predictions.read(run.folder, 4)
    assert set(found) == {"test_counts", "validation_counts"}
    assert mean_iou(found["test_counts"]) == pytest.approx(run.results["test_miou"])


@dataclasses.dataclass(frozen=True)
class Scorer:
    """Says class 1 of the left half, class 0 of the right one, and doubts the top."""

    def use(self, weights):
        assert weights == "averaged"

    def guess(self, image):
        classes = np.zeros(image.shape[:2], np.uint8)
        classes[:, : image.shape[1] // 2] = 1
        doubt = np.zeros(image.shape[:2], np.float16)
        doubt[: image.shape[0] // 2] = 0.5
        return classes, doubt


@dataclasses.dataclass(frozen=True)
class Sample:
    """An image of 8x8 pixels."""

    truth: object
    name = "<i>"
    known = True

    def image(self):
        return np.full((8, 8, 3), 100, np.uint8)

    def labels(self):
        return self.truth


MODEL = type("Model", (), {"scorer": Scorer(), "averaged": "averaged"})
COLOURS = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)


def test_what_is_seen_of_an_image_with_labels():
    truth = np.ones((8, 8), np.uint8)
    truth[:, 0] = IGNORED
    (seen,) = findings.look(MODEL, [Sample(truth)], COLOURS)

    np.testing.assert_array_equal(seen.counts, [[0, 0], [32, 24]])
    assert seen.miou == pytest.approx(mean_iou(seen.counts))
    assert seen.doubt == 0.25
    # Of rows and columns 0 and 4, of which column 0 is ignored.
    assert seen.labels.tolist() == [1, 1]
    assert seen.predicted.tolist() == [0, 0]
    assert seen.confidence.tolist() == [0.5, 1.0]
    image, truth_, said, wrong = (
        seen.tiles[y : y + 8, x : x + 8] for y in (0, 12) for x in (0, 12)
    )
    assert (image == 100).all()
    assert truth_[0, :2].tolist() == [[255] * 3, [255, 0, 0]]
    assert said[0, [0, 7]].tolist() == [[255, 0, 0], [0, 0, 0]]
    assert wrong[0, [0, 1, 7], 0].tolist() == [255, 255, 0]


def test_what_is_seen_of_an_image_without_labels():
    (seen,) = findings.look(MODEL, [Sample(None)], COLOURS)
    assert seen.counts is None and seen.miou is None
    assert len(seen.labels) == len(seen.predicted) == 0
    assert seen.confidence.tolist() == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("channels, shown", [(1, [1] * 3), (5, [1, 2, 3])])
def test_what_is_seen_of_an_image_of_other_channels(channels, shown, monkeypatch):
    image = np.full((8, 8, channels), np.arange(1, 1 + channels), np.uint8)
    monkeypatch.setattr(Sample, "image", lambda self: image)
    (seen,) = findings.look(MODEL, [Sample(None)], COLOURS)
    assert seen.tiles[0, 0].tolist() == shown


def test_an_image_all_of_whose_pixels_are_ignored_has_no_score():
    everything = np.full((8, 8), IGNORED, np.uint8)
    (seen,) = findings.look(MODEL, [Sample(everything)], COLOURS)
    assert seen.miou is None and len(seen.labels) == 0


def test_unlabelled_images_of_which_only_some_have_hidden_labels():
    """As those of a folder without masks beside masks that --labels hides."""
    truths = (None, np.ones((8, 8), np.uint8), None)
    seen = findings.look(MODEL, [Sample(each) for each in truths], COLOURS)
    source = types.SimpleNamespace(class_names=("a", "b"), colours=COLOURS)
    guessed, doubted = report._of_guessed(source, seen, 9, "")
    assert guessed.title == "Guessed labels against their truth"
    tables = [each for each in guessed.blocks[0].items if isinstance(each, Table)]
    assert "pixels of 1 of 9 unlabelled images" in tables[0].caption
    (gallery,) = doubted.blocks[0].items
    assert "of 3 of 9 unlabelled images" in gallery.caption


def test_a_network_that_is_asked_about_more_images(run):
    task = open_task(short.experiment(run.folder, *DST), short.load())
    _, sections = reporting.describe(task, run.folder, "run", 2)
    text = str(sections)
    assert "2 of 4 test images" in text and "2 of 12 unlabelled images" in text


def test_figure_6_of_each_of_two_models(tmp_path):
    for name in ("pseudo_labels_a.png", "pseudo_labels_b.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / name)
    (tmp_path / "pseudo_labels_c.png").write_bytes(b"no image")
    run = type("AnyRun", (), {"folder": tmp_path})
    (gallery,) = report._figure_6(run)
    alts = [picture.alt for picture in gallery.pictures]
    assert ["of model A" in alts[0], "of model B" in alts[1]] == [True, True]
    assert len(alts) == 2
