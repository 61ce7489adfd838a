"""Weights that whiten the patches of images."""

import numpy as np
import pytest

from mixdmt_tf.equations import patch_whitening


def patches(n=4000):
    """Correlated values with another mean in each place."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 12)) @ rng.normal(size=(12, 12)) + rng.normal(size=12)
    return rows.reshape(n, 2, 2, 3)


def outputs(kernel, bias, x):
    return x.reshape(len(x), -1) @ kernel.reshape(-1, kernel.shape[-1]) + bias


def test_equals_the_inverse_root_of_the_covariance_turned():
    """W W^T is the inverse of the covariance plus epsilon, whatever the eigenvectors'
    order and signs; the bias takes the mean away."""
    x, epsilon = patches(), 0.3
    kernel, bias = patch_whitening(x, epsilon)

    rows = x.reshape(len(x), -1)
    covariance = sum(np.outer(r, r) for r in rows - rows.mean(0)) / len(rows)
    half = kernel.reshape(12, 24)[:, :12]
    expected = np.linalg.inv(covariance + epsilon * np.eye(12))
    np.testing.assert_allclose(half @ half.T, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(kernel[..., 12:], -kernel[..., :12])
    np.testing.assert_allclose(bias[:12], -rows.mean(0) @ half, rtol=1e-3, atol=1e-5)


def test_outputs_are_uncorrelated_with_variance_one():
    x = patches()
    found = outputs(*patch_whitening(x, 1e-9), x)

    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(
        np.cov(found[:, :12].T, bias=True), np.eye(12), atol=1e-3
    )


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_patches_that_are_all_alike_stay_finite(value):
    kernel, bias = patch_whitening(np.full((50, 2, 2, 1), value))

    assert kernel.shape == (2, 2, 1, 8) and bias.shape == (8,)
    assert kernel.dtype == bias.dtype == np.float32
    assert np.all(np.isfinite(kernel)) and np.all(np.isfinite(bias))
    assert np.abs(kernel).max() <= 1 / np.sqrt(5e-4) + 1e-3
