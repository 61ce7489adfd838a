"""Suggests which unlabelled images a user should label next.

Images of no class are left out. Of the others, those on which several networks, or
predictions for several views, disagree are candidates; and of these, images are chosen
that are far from all labelled images and from one another.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, List, Sequence

import numpy as np
import tensorflow as tf

from mixdmt_tf.data import draws
from mixdmt_tf.data.augment import crop_flip
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import k_centre_greedy, mutual_information
from mixdmt_tf.rounds import plan
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.classification.scoring import BATCH


@dataclasses.dataclass(frozen=True, eq=False)
class Suggestion:
    """The chosen images, in the order in which they were chosen.

    Attributes:
        places: int64 [k], indices into the unlabelled images.
        disagreement: float [k], nats.
        probabilities: float32 [k, C], the mean prediction.
    """

    places: np.ndarray
    disagreement: np.ndarray
    probabilities: np.ndarray


def committee(experiment: Experiment, folder: pathlib.Path) -> List[pathlib.Path]:
    """Returns the folders of the final networks of a run in rounds.

    If two networks teach each other, they are those of the last round; if one network
    teaches itself, its last two generations. Without rounds there are none.
    """
    if not experiment.in_rounds:
        return []
    method = experiment.method
    number = plan.stage_lengths(experiment.run.steps, vars(method))["rounds"]
    shares = plan.fractions(method.fractions, number)
    stages = plan.stages(shares, method.models, method.restart)
    folders = [folder / each.name for each in stages[-2:]]
    return folders if all((each / "flags.txt").exists() for each in folders) else []


def of_networks(
    members: Sequence[Trained], weights: str, source: Source, split: Split
) -> np.ndarray:
    """Predicts the unlabelled images with several networks.

    Returns:
        float32 [M, N, C].
    """
    images = take(source.train.images, split.unlabeled)
    return np.stack(
        [each.scorer.predict(each.weights(weights), images) for each in members]
    )


def of_views(
    model: Trained, weights: str, source: Source, split: Split, views: int, seed: int
) -> np.ndarray:
    """Predicts several views of each unlabelled image with a network.

    The first view is the image itself; the others are shifted by up to an eighth, or
    as far as in training, and mirrored if the data set allows it.

    Args:
        model: the network.
        weights: 'ema' or 'raw'.
        source: the images.
        split: tells which are unlabelled.
        views: M.
        seed: of the shifts.

    Returns:
        float32 [M, N, C].
    """
    images = take(source.train.images, split.unlabeled)
    padding = source.crop_padding or source.image_shape[0] // 8
    shape = [len(images), crop_flip.UNIFORMS]
    moves = [
        draws.uniform(draws.step_key(seed, "suggested views", view), shape).numpy()
        for view in range(1, views)
    ]
    chosen = model.weights(weights)
    parts = []
    for start in range(0, len(images), BATCH):
        some = images[start : start + BATCH]
        seen: List[Any] = [some]
        for each in moves:
            uniforms = tf.constant(each[start : start + BATCH])
            moved = crop_flip.crop_flip(
                tf.constant(some), uniforms, padding, source.flip
            )
            seen.append(moved.numpy())
        parts.append([model.scorer.predict(chosen, view) for view in seen])
    return np.concatenate(parts, axis=1)


def suggest(
    predictions: np.ndarray,
    rows: np.ndarray,
    labeled: np.ndarray,
    strangers: np.ndarray,
    count: int,
    candidates: int,
) -> Suggestion:
    """Chooses images.

    Args:
        predictions: float32 [M, N, C] for the unlabelled images.
        rows: float32 [N, F], their features.
        labeled: float32 [n, F], features of the labelled images.
        strangers: bool [N], images that are not to be chosen.
        count: number of images to choose; fewer are chosen if there are no more.
        candidates: number of images with the largest disagreement to choose each image
            from; at most half of all images, so that disagreement has an effect.
    """
    disagreement = mutual_information(predictions)
    known = np.flatnonzero(~strangers)
    # Stable, so that equal ones keep their order.
    ranked = known[np.argsort(-disagreement[known], kind="stable")]
    best = ranked[: max(count, min(candidates * count, len(ranked) // 2))]
    order = k_centre_greedy(rows[best], labeled, min(count, len(best)))
    places = best[order]
    return Suggestion(places, disagreement[places], predictions.mean(0)[places])
