"""Best Bin Estimation (Garg et al. 2021), by trying every labelled score."""

from __future__ import annotations

import math


def known_share(held_out, unlabeled, delta=0.1, gamma=0.01):
    """Their estimate with thresholds at labelled scores that two images reach."""
    n, m = len(held_out), len(unlabeled)
    noise = math.sqrt(math.log(4 / delta) / (2 * n))
    noise += math.sqrt(math.log(4 / delta) / (2 * m))
    best = None
    for c in held_out:
        labeled = sum(s >= c for s in held_out) / n
        others = sum(s >= c for s in unlabeled) / m
        if labeled * n < 1.5:
            continue
        bound = others / labeled + (1 + gamma) * noise / labeled
        if best is None or bound < best[0] - 1e-12:
            best = bound, others / labeled
    return min(1.0, best[1])
