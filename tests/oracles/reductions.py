"""Oracle of the masked mean (RealMix sections 3.4 and 3.5)."""

import numpy as np


def masked_mean(values, mask, denominator=None):
    """Add up what the mask lets through and count it, one value at a time."""
    total, kept = 0.0, 0.0
    for i in np.ndindex(*values.shape):
        total += float(mask[i]) * float(values[i])
        kept += float(mask[i])
    return total / max(kept if denominator is None else denominator, 1.0)
