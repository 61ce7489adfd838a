"""Oracles of MixUp (RealMix Eq. 4 to 7) and of MixMatch's interleaving."""

import numpy as np


def mix(own, partner, lam):
    """Interpolate with the larger of lam and 1 - lam."""
    lam = np.asarray(lam)
    return interpolate(own, partner, np.where(lam < 0.5, 1 - lam, lam))


def interpolate(own, partner, lam):
    """Interpolate number by number; lam is indexed by as many axes as it has."""
    lam = np.asarray(lam)
    mixed = np.zeros(own.shape)
    for i in np.ndindex(*own.shape):
        share = float(lam[i[: lam.ndim]])
        mixed[i] = share * float(own[i]) + (1 - share) * float(partner[i])
    return mixed


def interleave(batches):
    """Exchange single rows: row r of batch 0 with row r of the batch that owns r."""
    groups, rows = len(batches), len(batches[0])
    sizes = [rows // groups] * groups
    for late in range(rows - sum(sizes)):
        sizes[groups - 1 - late] += 1
    owner = [group for group, size in enumerate(sizes) for _ in range(size)]
    result = [[row for row in batch] for batch in batches]
    for r, group in enumerate(owner):
        result[0][r], result[group][r] = batches[group][r], batches[0][r]
    return [np.stack(batch) for batch in result]
