"""Labels by propagation over a graph of the network's features.

Iscen et al. 2019 (arXiv:1904.04717). All labelled and unlabelled images are nodes;
their features are the inputs of the network's last dense layer, without augmentation.
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
    """Labels that the graph propagates to the unlabelled images.

    Attributes:
        labels: int32 [N], the class with the highest score.
        certainty: float32 [N], certainty of the label in [0, 1].
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
    """Propagates labels to the unlabelled images.

    Args:
        model: the network whose features define the graph.
        source: the data set.
        split: of the run; labels spread from its labelled to its unlabelled images.
        settings: settings that include those of `label_sources.LabelSource`.
        weights: 'ema' or 'raw'.
        poll: called regularly; may raise an exception to stop.

    Raises:
        UserError: if there are not more images than neighbours.
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
    # Over all images, so that the clearest one (perhaps labelled) has certainty 1.
    sure = certainty(scores)[len(split.labeled) :]
    labels = scores[len(split.labeled) :].argmax(-1)
    return Propagated(labels.astype(np.int32), sure.astype(np.float32))


def nearest_neighbours(
    features: np.ndarray, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Finds the exact nearest neighbours of each image by the angle of their features.

    scikit-learn compares all pairs in blocks: 50,000 images with 128 features take
    about a minute on two cores and some tens of megabytes.

    Args:
        features: float32 [N, F].
        count: k, below N.

    Returns:
        [N, k] indices of neighbours, without the image itself, and [N, k] inner
        products of features normalized to length 1.
    """
    from sklearn.neighbors import NearestNeighbors  # takes a second

    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    units = features / np.maximum(lengths, 1e-12)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(units)
    distances, places = search.kneighbors()
    return places, 1 - distances**2 / 2
