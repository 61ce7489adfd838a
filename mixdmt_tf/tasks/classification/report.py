"""The sections about a classifier: its mistakes, its doubts, and its rounds."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.data.lazy_images import ImageArray
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import accuracy_by_confidence, expected_calibration_error
from mixdmt_tf.plots import GREY, Point, Series
from mixdmt_tf.report import drawing, rounds
from mixdmt_tf.report.page import (
    Block,
    Cell,
    Chart,
    Gallery,
    Item,
    Picture,
    Section,
    Table,
    Text,
)
from mixdmt_tf.report.run import Run
from mixdmt_tf.runs.image_grids import confusion_matrix
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification import findings, labeling, round_plots
from mixdmt_tf.tasks.classification.findings import Findings, Guessed, Judged

EVERYTHING = 10_000  # unlabelled images that are looked at unless a number is given
AT_THE_END = 500  # of those at the end of a run, which must not wait
SHOWN = 24  # images of a kind
MOST_CLASSES, WORST = 25, 20  # of a whole matrix; pairs that stand for larger ones
BINS = 10  # of confidence


def of_rounds(run: Run, title: str = "") -> List[Section]:
    """The rounds of a run, if it has some."""
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
    """Asks the network, and tells what it said.

    Args:
        task: of the run.
        run: what is known of it.
        model: its network.
        split: of the run.
        limit: unlabelled images that are looked at; None for as many as is usual.
        title: as of `sections`.
    """
    limit = EVERYTHING if limit is None else limit
    found = findings.collect(task, run.folder, model, split, run.rows, limit)
    return sections(found, title)


def sections(found: Findings, title: str = "") -> List[Section]:
    """What the network says of images.

    Args:
        found: its answers.
        title: above each block, where the page is about several runs.
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
            _percent(judged.confidence[i]),
        ]
        for i in surest
    ]
    images = f"{len(labels):,} {judged.name} images"
    of = f"The {len(surest)} most confident of {len(mistakes):,} mistakes on {images}"
    pictures: List[Item] = [Text(f"No mistake on {images}.")]
    if len(surest):
        pictures = [gallery(of, judged.images.images, surest, told, judged.name)]
    confusions = "Rows: what an image is; columns: what the network says."
    return [
        Section(
            "Confusion and recall of each class",
            [Block([_matrix(counts, names, images), by_class(counts, names)], title)],
            confusions,
        ),
        Section(
            "Calibration",
            [Block(_calibration(judged, images), title)],
            "How often answers of a confidence are right. Below the diagonal the "
            "network is surer than it should be.",
        ),
        Section(
            "Surest mistakes",
            [Block(pictures, title)],
            "Wrong with the greatest confidence: hard images, or wrong labels.",
        ),
    ]


def _matrix(counts: np.ndarray, names: Sequence[str], images: str) -> Table:
    """The confusion matrix; of many classes the pairs that are mixed up most."""
    totals = np.maximum(counts.sum(axis=1), 1)
    if len(names) <= MOST_CLASSES:
        rows = [
            [
                name,
                *(
                    Cell(f"{n:,}" if n else "", shade=n / totals[i], right=i == j)
                    for j, n in enumerate(counts[i])
                ),
            ]
            for i, name in enumerate(names)
        ]
        return Table(f"Confusion matrix of {images}", ["", *names], rows, "dense")
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:WORST]
    rows = [
        [
            names[i],
            names[j],
            f"{counts[i, j]:,}",
            Cell(_percent(counts[i, j] / totals[i]), bar=counts[i, j] / totals[i]),
        ]
        for i, j in zip(*np.unravel_index(order, wrong.shape))
        if wrong[i, j]
    ]
    head = ["is", "taken for", "images", "of its class"]
    return Table(f"Classes that are mixed up most, of {images}", head, rows)


def by_class(counts: np.ndarray, names: Sequence[str]) -> Table:
    """Images, recall and precision of each class, from a confusion matrix."""
    right, are, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)

    def share(part: int, whole: int) -> Cell:
        return Cell(_percent(part / whole), bar=part / whole) if whole else Cell("-")

    rows = [
        [name, f"{are[i]:,}", share(right[i], are[i]), share(right[i], said[i])]
        for i, name in enumerate(names)
    ]
    caption = "Recall: of the images of a class those found; precision: of those found"
    return Table(caption, ["class", "images", "recall", "precision"], rows)


def _calibration(judged: Judged, images: str) -> List[Item]:
    sure = np.clip(judged.confidence, 0.0, 1.0)
    labels, predicted = judged.images.labels, judged.predicted
    numbers, hits = accuracy_by_confidence(labels, predicted, sure, BINS)
    error = expected_calibration_error(labels, predicted, sure, BINS)
    means = [
        float(sure[which].mean()) if which.any() else 0.0
        for which in (_bin(sure) == i for i in range(BINS))
    ]
    points = [
        Point(100 * means[i], hits[i], hollow=bool(numbers[i] < round_plots.FEW))
        for i in np.flatnonzero(numbers)
    ]
    chart = reliability(
        [Series("this network", points)],
        f"Reliability diagram of {images}; hollow: fewer than {round_plots.FEW} images",
    )
    mean = 100 * float(sure.mean())
    right = 100 * float((predicted == labels).mean())
    sentence = (
        f"Expected calibration error {error:.2f} % ({BINS} bins); mean confidence "
        f"{mean:.2f} %, accuracy {right:.2f} %."
    )
    return [Text(sentence), chart]


def _bin(confidence: np.ndarray) -> np.ndarray:
    return np.minimum((confidence * BINS).astype(int), BINS - 1)


def reliability(series: Sequence[Series], caption: str) -> Chart:
    """Accuracy by confidence, both in percent, beside what would be ideal."""
    ends = [Point(0, 0), Point(100, 100)]
    ideal = Series("perfect calibration", ends, color=GREY, marker="", dashed=True)
    drawn = drawing.lines(
        [ideal, *series],
        "confidence (%)",
        "right (%)",
        include=[0, 100],
        x_ticks=range(0, 101, 20),
    )
    words = "; ".join(
        f"at {point.x:.0f} % confidence {point.y:.0f} % right"
        for each in series
        for point in each.points
    )
    return Chart(drawing.svg(drawn, f"{caption}: {words}"), caption)


def _of_guessed(found: Findings, guessed: Guessed, title: str) -> List[Section]:
    truth, confidence = guessed.truth, guessed.confidence
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
            "What the network would guess for unlabelled images, and whether that is "
            "right. Benchmarks know the truth and hide it from the training.",
        ),
        Section(
            "Most doubted unlabelled images",
            [Block([doubted], title)],
            "Those whose label would tell the network most, or that belong to no class.",
        ),
    ]
    if guessed.scores is not None:
        made.append(_of_mask(found, guessed, images, title))
    elif guessed.rejected > 0:
        words = (
            f"The mask left out {_percent(guessed.rejected)} of the unlabelled images, "
            "by scores from before the first step or by the hidden truth, which a "
            "report does not find again."
        )
        made.append(Section(_MASK, [Block([Text(words)], title)]))
    return made


_MASK = "Images that the out-of-distribution mask rejects"


def _of_mask(found: Findings, guessed: Guessed, images: str, title: str) -> Section:
    scores = np.asarray(guessed.scores)
    number = int(np.ceil(guessed.rejected * len(scores)))
    lowest = np.argsort(scores, kind="stable")[:number]
    known = guessed.truth[lowest] != UNKNOWN
    words = f"The mask rejects {_percent(guessed.rejected)} of {images}"
    if known.any():
        strangers = float((guessed.truth[lowest][known] < UNKNOWN).mean())
        everywhere = float((guessed.truth[guessed.truth != UNKNOWN] < UNKNOWN).mean())
        words += (
            f"; {_percent(strangers)} of these belong to no class, of all images "
            f"{_percent(everywhere)}"
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
        "(RealMix section 3.4). Scores are those of the final network on plain images."
    )
    return Section(_MASK, [Block([Text(f"{words}."), pictures], title)], lead)


def _quality(guessed: Guessed, images: str) -> List[Item]:
    everything = np.ones(len(guessed.ids), bool)
    pseudo = PseudoLabels(
        guessed.ids, guessed.predicted, guessed.confidence, everything, {}
    )
    quality = labeling.quality(pseudo, guessed.truth)
    numbers = np.bincount(_bin(np.clip(guessed.confidence, 0, 1)), minlength=BINS)
    right = {round(BINS * each["low"]): each["accuracy"] for each in quality.bins}
    rows = [
        [
            f"{100 * i // BINS} to {100 * (i + 1) // BINS} %",
            Cell(f"{numbers[i]:,}", bar=numbers[i] / max(numbers.max(), 1)),
            f"{right[i]:.2f} %" if i in right else "-",
        ]
        for i in np.flatnonzero(numbers)
    ]
    table = Table(
        f"Confidence in the guessed labels of {images}",
        ["confidence", "images", "right"],
        rows,
    )
    if quality.accuracy_of_all is None:
        return [Text("Nobody knows the classes of the unlabelled images."), table]
    points = [
        Point(
            50 * (each["low"] + each["high"]),
            each["accuracy"],
            hollow=each["images"] < round_plots.FEW,
        )
        for each in quality.bins
    ]
    sure = ", ".join(
        f"{share} %: {error:.2f} %"
        for share, error in quality.error_of_top.items()
        if error is not None
    )
    return [
        Text(
            f"{quality.accuracy_of_all:.2f} % of the guesses are right. Wrong among "
            f"the most confident share of them (DMT figure 1): {sure}."
        ),
        reliability(
            [Series("guessed labels", points)], "Guessed labels by their confidence"
        ),
        table,
    ]


def _guess(found: Findings, guessed: Guessed, place: int) -> List[str]:
    lines = [f"guess {found.name(int(guessed.predicted[place]))}"]
    if guessed.truth[place] != UNKNOWN:
        lines.append(f"is {found.name(int(guessed.truth[place]))}")
    return [*lines, _percent(guessed.confidence[place])]


def gallery(
    caption: str,
    images: ImageArray,
    ids: np.ndarray,
    told: Sequence[Sequence[str]],
    kind: str,
) -> Gallery:
    """Images with lines of text below each."""
    pixels = images[np.asarray(ids)]
    pictures = [
        Picture(
            drawing.data_uri(each), f"{kind} image {number}: {', '.join(lines)}", lines
        )
        for each, number, lines in zip(pixels, ids, told)
    ]
    return Gallery(caption, pictures)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
