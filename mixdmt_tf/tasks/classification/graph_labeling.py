"""Labels by propagation over a graph of the network's features.

Iscen et al. 2019 (arXiv:1904.04717). All labelled and unlabelled images are nodes;
their features are what the network's last dense layer takes, without augmentation.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import affinity_graph, certainty, propagate_labels
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.trained import Trained


@dataclasses.dataclass(frozen=True)
class Propagated:
    """What the graph says of the unlabelled images.

    Attributes:
        labels: int32 [N], the class with the highest score.
        certainty: float32 [N] in [0, 1], how clear that is.
    """

    labels: np.ndarray
    certainty: np.ndarray


def propagate(
    model: Trained,
    source: Source,
    split: Split,
    settings: Any,
    weights: str = "ema",
    poll: Callable[[], None] = lambda: None,
) -> Propagated:
    """Asks the graph for labels of the unlabelled images.

    Args:
        model: whose features make the graph.
        source: the data set.
        split: of which the labelled images give labels to the unlabelled ones.
        settings: with those of `label_sources.LabelSource`.
        weights: 'ema' or 'raw'.
        poll: called now and then; may raise to stop.

    Raises:
        UserError: if there are no more images than neighbours.
    """
    ids = np.concatenate([split.labeled, split.unlabeled])
    if settings.graph_neighbours >= len(ids):
        raise UserError(
            f"--graph_neighbours={settings.graph_neighbours}: there are only "
            f"{len(ids):,} images.\nGive fewer neighbours."
        )
    features = model.scorer.features(
        model.weights(weights), take(source.train.images, ids), poll
    )
    neighbours, similarities = nearest_neighbours(features, settings.graph_neighbours)
    graph = affinity_graph(neighbours, similarities, settings.graph_power)
    known = np.full(len(ids), -1)
    known[: len(split.labeled)] = source.train.labels[split.labeled]
    scores = propagate_labels(graph, known, source.num_classes, settings.graph_alpha)
    # Of all images, so that the clearest one, a labelled one perhaps, has certainty 1.
    sure = certainty(scores)[len(split.labeled) :]
    labels = scores[len(split.labeled) :].argmax(-1)
    return Propagated(labels.astype(np.int32), sure.astype(np.float32))


def nearest_neighbours(
    features: np.ndarray, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The exact nearest neighbours of each image by the angle of their features.

    scikit-learn compares all pairs in blocks: of 50,000 images with 128 features in
    about a minute on two cores, in some tens of megabytes.

    Args:
        features: float32 [N, F].
        count: k, below N.

    Returns:
        [N, k] places, an image's own not among them, and [N, k] inner products of
        features of length 1.
    """
    from sklearn.neighbors import NearestNeighbors  # takes a second

    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    units = features / np.maximum(lengths, 1e-12)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(units)
    distances, places = search.kneighbors()
    return places, 1 - distances**2 / 2
