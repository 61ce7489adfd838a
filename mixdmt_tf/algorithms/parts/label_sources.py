"""Settings that say where pseudo labels come from: the network, or a graph.

Iscen et al. 2019 (arXiv:1904.04717), 'Label propagation for deep semi-supervised
learning', and its release.
"""

from __future__ import annotations

import dataclasses

from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class LabelSource:
    """Settings of the source of pseudo labels; to be combined with other settings."""

    labeling: str = setting(
        "network",
        "network: the class that the network predicts; graph (classification): labels "
        "spread to similar images, by the features of the network",
        choices=("network", "graph"),
    )
    graph_neighbours: int = setting(
        50, "k, nearest images that an image is linked with in the graph", low=1
    )
    graph_power: float = setting(
        3.0, "gamma, power of the similarity of two images in the graph", low=0.0
    )
    graph_alpha: float = setting(
        0.99, "alpha, how far labels spread in the graph", low=0.0, high=0.9999
    )
