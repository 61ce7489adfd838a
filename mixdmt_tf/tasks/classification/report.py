"""Report sections of a classifier: errors, uncertain predictions, and rounds."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.data.lazy_images import ImageArray
from mixdmt_tf.data.splits import Split
from mixdmt_tf.report import drawing, judging, rounds
from mixdmt_tf.report.judging import percent
from mixdmt_tf.report.page import Block, Gallery, Item, Picture, Section, Text
from mixdmt_tf.report.run import Run
from mixdmt_tf.runs.image_grids import confusion_matrix
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification import findings, labeling, round_plots
from mixdmt_tf.tasks.classification.findings import Findings, Guessed, Judged

EVERYTHING = 10_000  # default number of unlabelled images to predict
AT_THE_END = 500  # the same at the end of a run, which must be fast
SHOWN = 24  # images of a kind


def of_rounds(run: Run, title: str = "") -> List[Section]:
    """Returns the sections about the rounds of a run, if it has any."""
    entries = run.results.get("rounds", [])
    if not entries:
        return []
    drawn = [
        *round_plots.course(entries, rounds.bases(run.results)),
        *round_plots.error_of_most_confident(entries),
        *round_plots.calibration(entries),
    ]
    lead = (
        "Each round learns from the most confident labels of the network before it. "
        "DMT figure 1: even among these some are wrong, and DMT gives them less weight."
    )
    items = [rounds.table(entries), *rounds.charts(drawn)]
    return [Section("Rounds", [Block(items, title)], lead)]


def observe(
    task: Task, run: Run, model: Trained, split: Split, limit: Optional[int], title: str
) -> List[Section]:
    """Runs the network on images and returns the sections about its predictions.

    Args:
        task: of the run.
        run: the records of the run.
        model: its network.
        split: of the run.
        limit: number of unlabelled images to predict; None for the default.
        title: see `sections`.

    Returns:
        The sections; none for several labels per image: they need a class per image.
    """
    if model.scorer.several_labels:
        return []  # the sections need one class per image
    limit = EVERYTHING if limit is None else limit
    found = findings.collect(task, run.folder, model, split, run.rows, limit)
    return sections(found, title)


def sections(found: Findings, title: str = "") -> List[Section]:
    """Returns the sections about a network's predictions.

    Args:
        found: the predictions.
        title: above each block, if the page is about several runs.
    """
    made = []
    if found.judged is not None:
        made += _of_judged(found, found.judged, title)
    if found.guessed is not None:
        made += _of_guessed(found, found.guessed, title)
    return made


def _of_judged(found: Findings, judged: Judged, title: str) -> List[Section]:
    labels, names = judged.images.labels, found.source.class_names
    counts = confusion_matrix(labels, judged.predicted, len(names))
    mistakes = np.flatnonzero(judged.predicted != labels)
    surest = mistakes[np.argsort(-judged.confidence[mistakes], kind="stable")][:SHOWN]
    told = [
        [
            f"says {found.name(int(judged.predicted[i]))}",
            f"is {found.name(int(labels[i]))}",
            percent(judged.confidence[i]),
        ]
        for i in surest
    ]
    images = f"{len(labels):,} {judged.name} images"
    of = f"The {len(surest)} most confident of {len(mistakes):,} mistakes on {images}"
    pictures: List[Item] = [Text(f"No mistake on {images}.")]
    if len(surest):
        pictures = [gallery(of, judged.images.images, surest, told, judged.name)]
    calibrated = judging.calibration(
        labels, judged.predicted, judged.confidence, images
    )
    confusions = "Rows: true classes; columns: predicted classes."
    return [
        Section(
            "Confusion and recall of each class",
            [
                Block(
                    [
                        judging.matrix(counts, names, images),
                        judging.by_class(counts, names),
                    ],
                    title,
                )
            ],
            confusions,
        ),
        Section(
            "Calibration",
            [Block(calibrated, title)],
            judging.CALIBRATION,
        ),
        Section(
            "Surest mistakes",
            [Block(pictures, title)],
            "Wrong with the greatest confidence: hard images, or wrong labels.",
        ),
    ]


def _of_guessed(found: Findings, guessed: Guessed, title: str) -> List[Section]:
    confidence = guessed.confidence
    whole = len(guessed.ids) == guessed.of
    images = f"{len(guessed.ids):,} unlabelled images"
    if not whole:
        images += f" (of {guessed.of:,}, evenly spread)"
    order = np.argsort(confidence, kind="stable")[:SHOWN]
    doubted = gallery(
        f"The {len(order)} least confident of {images}",
        found.source.train.images,
        guessed.ids[order],
        [_guess(found, guessed, i) for i in order],
        "unlabelled",
    )
    made = [
        Section(
            "Guessed labels against their truth",
            [Block(_quality(guessed, images), title)],
            "Predictions of the network for unlabelled images, and whether they are "
            "right. In benchmarks the truth is known, but hidden from training.",
        ),
        Section(
            "Most doubted unlabelled images",
            [Block([doubted], title)],
            "Labels of these would help the network most, or they belong to no class.",
        ),
    ]
    if guessed.scores is not None:
        made.append(_of_mask(found, guessed, images, title))
    elif guessed.rejected > 0:
        words = (
            f"The mask left out {percent(guessed.rejected)} of the unlabelled images, "
            "by scores that a report cannot compute again."
        )
        made.append(Section(_MASK, [Block([Text(words), *_share(guessed)], title)]))
    elif guessed.strangers is not None:
        made.append(Section(_MASK, [Block(_share(guessed), title)]))
    return made


def _share(guessed: Guessed) -> List[Item]:
    """Describes the estimate of `--ood_rate=auto` in words."""
    if guessed.strangers is None:
        return []
    estimate, low, high = map(percent, guessed.strangers)
    return [
        Text(
            "Before the first step the share of unlabelled images of no class was "
            f"estimated as {estimate} ({low} to {high}: 5 and 95 % quantiles over "
            "labelled images drawn again). The mask takes the lower quartile, and "
            "nothing where that is no evidence; neither changes in training."
        )
    ]


_MASK = "Images that the out-of-distribution mask rejects"


def _of_mask(found: Findings, guessed: Guessed, images: str, title: str) -> Section:
    scores = np.asarray(guessed.scores)
    # The share is a float32 mean: its rounding must not add an image.
    number = int(np.ceil(guessed.rejected * len(scores) - 1e-3))
    lowest = np.argsort(scores, kind="stable")[:number]
    known = guessed.truth[lowest] != UNKNOWN
    words = f"The mask rejects {percent(guessed.rejected)} of {images}"
    if known.any():
        strangers = float((guessed.truth[lowest][known] < UNKNOWN).mean())
        everywhere = float((guessed.truth[guessed.truth != UNKNOWN] < UNKNOWN).mean())
        words += (
            f"; {percent(strangers)} of these belong to no class, of all images "
            f"{percent(everywhere)}"
        )
    shown = lowest[:SHOWN]
    pictures = gallery(
        f"The {len(shown)} images with the lowest scores",
        found.source.train.images,
        guessed.ids[shown],
        [_guess(found, guessed, i) for i in shown],
        "rejected",
    )
    lead = (
        "Images whose score is lowest: training leaves them out of the unlabelled loss "
        "(RealMix section 3.4). Scores of the network are from its final weights on "
        "plain images; other scores were computed before the first step."
    )
    items = [Text(f"{words}."), *_share(guessed), pictures]
    return Section(_MASK, [Block(items, title)], lead)


def _quality(guessed: Guessed, images: str) -> List[Item]:
    known = guessed.truth != UNKNOWN
    what = f"the guessed labels of {images}"
    if not known.any():
        numbers = judging.histogram(guessed.confidence)
        unknown = np.full(len(numbers), np.nan)
        return [
            Text("The classes of these unlabelled images are unknown."),
            judging.of_confidence(numbers, unknown, what),
        ]
    everything = np.ones(len(guessed.ids), bool)
    pseudo = PseudoLabels(
        guessed.ids, guessed.predicted, guessed.confidence, everything, {}
    )
    top = labeling.quality(pseudo, guessed.truth).error_of_top
    sure = ", ".join(f"{k} %: {v:.2f} %" for k, v in top.items() if v is not None)
    # Images of no class get an extra class that is never predicted.
    truth = np.where(guessed.truth < UNKNOWN, np.iinfo(np.int32).max, guessed.truth)
    return [
        Text(f"Wrong among the most confident of them (DMT figure 1): {sure}."),
        *judging.calibration(
            truth[known], guessed.predicted[known], guessed.confidence[known], what
        ),
    ]


def _guess(found: Findings, guessed: Guessed, place: int) -> List[str]:
    lines = [f"guess {found.name(int(guessed.predicted[place]))}"]
    if guessed.truth[place] != UNKNOWN:
        lines.append(f"is {found.name(int(guessed.truth[place]))}")
    return [*lines, percent(guessed.confidence[place])]


def gallery(
    caption: str,
    images: ImageArray,
    ids: np.ndarray,
    told: Sequence[Sequence[str]],
    kind: str,
) -> Gallery:
    """Builds a gallery of images with lines of text below each."""
    pixels = images[np.asarray(ids)]
    pictures = [
        Picture(
            drawing.data_uri(each), f"{kind} image {number}: {', '.join(lines)}", lines
        )
        for each, number, lines in zip(pixels, ids, told)
    ]
    return Gallery(caption, pictures)
