"""BALD and k-Center-Greedy, written out image by image."""

from __future__ import annotations

import math


def mutual_information(members):
    """Houlsby et al. 2011 Eq. 2 for one image: [M][C] -> a number."""

    def entropy(distribution):
        return -sum(p * math.log(p) for p in distribution if p > 0)

    number = len(members)
    mean = [
        sum(member[c] for member in members) / number for c in range(len(members[0]))
    ]
    return entropy(mean) - sum(map(entropy, members)) / number


def k_centre_greedy(features, centres, count):
    """Sener and Savarese 2018, k-Center-Greedy: argmax_i min_j distance(x_i, x_j)."""
    known = [list(each) for each in centres]
    chosen = []
    while len(chosen) < count:
        best, farthest = None, -1.0
        for i, x in enumerate(features):
            if i in chosen:
                continue
            nearest = min((math.dist(x, each) for each in known), default=math.inf)
            if nearest > farthest:
                best, farthest = i, nearest
        chosen.append(best)
        known.append(list(features[best]))
    return chosen
