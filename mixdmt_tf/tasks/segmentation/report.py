"""Report sections of a segmenter: IoU per class, overlays, uncertainty, rounds."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np
from PIL import Image

from mixdmt_tf.data.segmentation.source import Sample, Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.files import DAMAGES
from mixdmt_tf.report import drawing, judging, rounds
from mixdmt_tf.report.page import Block, Gallery, Item, Picture, Section, Text
from mixdmt_tf.report.run import Run
from mixdmt_tf.runs import predictions
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.segmentation import findings, preparation, round_plots
from mixdmt_tf.tasks.segmentation.findings import Seen
from mixdmt_tf.tasks.segmentation.inspection import chosen

EVERYTHING = 64  # default number of images of each kind
AT_THE_END = 4  # the same at the end of a run, which must be fast
SHOWN = 6  # images of a kind
WIDEST = 1800  # pixels of figure 6
_PIXELS = f"every {findings.EVERY}th row and column"


def of_rounds(run: Run, title: str = "") -> List[Section]:
    """Returns the sections about the rounds of a run, if it has any."""
    entries = run.results.get("rounds", [])
    if not entries:
        return []
    drawn = round_plots.course(entries, rounds.bases(run.results))
    items = [rounds.table(entries), *rounds.charts(drawn), *_figure_6(run)]
    lead = (
        "Each round learns from the most confident labels of the network before it "
        "(DMT figure 9), and gives less weight to pixels that the networks disagree "
        "about (figure 6)."
    )
    return [Section("Rounds", [Block(items, title)], lead)]


def _figure_6(run: Run) -> List[Item]:
    """Returns figure 6 from the pictures that the rounds left in the run's folder."""
    pictures = []
    for path in sorted(run.folder.glob("pseudo_labels*.png")):
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except DAMAGES:
            continue
        model = path.stem.rpartition("_")[2].upper()
        whose = f" of model {model}" if len(model) == 1 else ""
        words = (
            f"Images, their truth, and for each round the pseudo labels{whose} and "
            "their weights (white: 1, black: 0)"
        )
        pictures.append(Picture(drawing.data_uri(pixels, WIDEST), words, [words]))
    if not pictures:
        return []
    return [Gallery("DMT figure 6, a column a round", pictures, wide=True, single=True)]


def observe(
    task: Task, run: Run, model: Trained, split: Split, limit: Optional[int], title: str
) -> List[Section]:
    """Runs the network on images and returns the sections about its predictions.

    Args:
        task: of the run.
        run: the records of the run.
        model: its network.
        split: of the run.
        limit: number of images of each kind; None for the default.
        title: above each block, if the page is about several runs.
    """
    source: Source = task.source
    limit = EVERYTHING if limit is None else limit
    name = preparation.test_set(source)
    samples: Sequence[Sample] = source.test or source.validation
    made: List[Section] = []
    if samples:
        places = chosen(np.arange(len(samples)), limit)
        seen = findings.look(model, [samples[i] for i in places], task.colours)
        counts = predictions.read(run.folder, model.step).get(f"{name}_counts")
        made += _of_judged(source, seen, counts, name, len(samples), title)
    if len(split.unlabeled):
        ids = chosen(np.sort(split.unlabeled), limit)
        seen = findings.look(model, [source.train[i] for i in ids], task.colours)
        made += _of_guessed(source, seen, len(split.unlabeled), title)
    return made


def _of_judged(
    source: Source,
    seen: Sequence[Seen],
    counts: Optional[np.ndarray],
    name: str,
    total: int,
    title: str,
) -> List[Section]:
    looked = f"{len(seen):,} of {total:,} {name} images"
    known = [each for each in seen if each.counts is not None]
    what = f"the pixels of {total:,} {name} images"
    if counts is None or counts.shape != (source.num_classes,) * 2:
        if not known:
            return []
        counts = np.sum([each.counts for each in known], axis=0)
        what = f"the pixels of {looked}"
    names = source.class_names
    made = [
        Section(
            "IoU of each class and confusion",
            [
                Block(
                    [
                        judging.by_class(counts, names, iou=True),
                        judging.matrix(counts, names, what),
                    ],
                    title,
                )
            ],
            "Of pixels. IoU: pixels that are of a class and found, among those that "
            "are of it or taken for it. Rows of the matrix: true classes.",
        )
    ]
    made += _calibrated("Calibration", known, f"pixels of {looked} ({_PIXELS})", title)
    order = sorted(
        known, key=lambda each: each.miou if each.miou is not None else 101.0
    )
    shown = order[:SHOWN]
    gallery = _gallery(
        source,
        f"The {len(shown)} with the lowest mean IoU of {looked}",
        shown,
        "image and truth above, prediction and mistakes (black) below",
    )
    lead = "Where the network is wrong. White in a label map: no class, not judged."
    made.append(
        Section("Images, truth and prediction", [Block([gallery], title)], lead)
    )
    return made


def _calibrated(
    heading: str, seen: Sequence[Seen], what: str, title: str
) -> List[Section]:
    labels = [each.labels for each in seen]
    if not sum(map(len, labels)):
        return []
    items = judging.calibration(
        np.concatenate(labels),
        np.concatenate([each.predicted for each in seen]),
        np.concatenate([each.confidence for each in seen]),
        what,
    )
    return [Section(heading, [Block(items, title)], judging.CALIBRATION)]


def _of_guessed(
    source: Source, seen: Sequence[Seen], total: int, title: str
) -> List[Section]:
    looked = f"{len(seen):,} of {total:,} unlabelled images"
    known = [each for each in seen if each.counts is not None]
    heading = "Guessed labels against their truth"
    judged = f"pixels of {len(known):,} of {total:,} unlabelled images ({_PIXELS})"
    made = _calibrated(heading, known, judged, title)
    if not made:
        numbers = judging.histogram(np.concatenate([each.confidence for each in seen]))
        table = judging.of_confidence(
            numbers, np.full(len(numbers), np.nan), f"pixels of {looked} ({_PIXELS})"
        )
        unknown = Text("The labels of these unlabelled images are unknown.")
        made = [Section(heading, [Block([unknown, table], title)])]
    order = sorted(seen, key=lambda each: -each.doubt)[:SHOWN]
    gallery = _gallery(
        source,
        f"The {len(order)} with the largest mean doubt of {looked}",
        order,
        "image and prediction, or image and truth above, prediction and mistakes below",
    )
    lead = "Labels of these would help the network most."
    made.append(
        Section("Most doubted unlabelled images", [Block([gallery], title)], lead)
    )
    return made


def _gallery(source: Source, caption: str, seen: Sequence[Seen], parts: str) -> Gallery:
    pictures = []
    for each in seen:
        score = "" if each.miou is None else f"mean IoU {each.miou:.1f} %, "
        lines = [each.name, f"{score}mean doubt {judging.percent(each.doubt)}"]
        uri = drawing.data_uri(each.tiles, 2 * findings.LONGEST + 4)
        pictures.append(Picture(uri, f"{each.name}: {parts}", lines))
    colours = drawing.hexes(np.asarray(source.colours))
    legend = list(zip(source.class_names, colours))
    return Gallery(f"{caption}: {parts}", pictures, wide=True, legend=legend)
