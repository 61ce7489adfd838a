"""Weights that whiten the patches of images. NumPy in, NumPy out."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import numpy.typing as npt


def patch_whitening(
    patches: npt.ArrayLike, epsilon: float = 5e-4
) -> Tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the kernel and bias of a convolution that whitens patches.

    With V diag(l) V^T the covariance of the patches and mu their mean, outputs are
    (x - mu) W and its negative, with W = V diag(l + epsilon)^(-1/2). They are
    uncorrelated and, except for epsilon, have variance one. With the negative, an
    activation such as ReLU keeps both signs. Page 2018, 'How to Train Your ResNet 8';
    Jordan 2024, arXiv:2404.00498.

    Args:
        patches: [n, height, width, channels].
        epsilon: added to the variances, to limit the scale of directions that hardly
            vary.

    Returns:
        float32 [height, width, channels, 2 d] and float32 [2 d], where d is height
        times width times channels.
    """
    patches = np.asarray(patches, np.float64)
    rows = patches.reshape(len(patches), -1)
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False, bias=True))
    half = vectors / np.sqrt(np.maximum(values, 0.0) + epsilon)
    kernel = np.concatenate([half, -half], axis=1)
    bias = -mean @ kernel
    return kernel.reshape(*patches.shape[1:], -1).astype("f4"), bias.astype("f4")
