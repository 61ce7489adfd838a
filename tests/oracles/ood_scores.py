"""Scores of images, one image at a time, from their papers."""

from __future__ import annotations

import math

import numpy as np


def softmax(row):
    """exp z_c / sum exp z."""
    powers = [math.exp(z - max(row)) for z in row]
    return [each / sum(powers) for each in powers]


def rows_of(logits):
    """Each example's logits as a list, and the shape of what comes out."""
    logits = np.asarray(logits, np.float64)
    return logits.reshape(-1, logits.shape[-1]).tolist(), logits.shape[:-1]


def each_row(score):
    """An oracle of one example as one of many."""

    def scores(logits):
        rows, shape = rows_of(logits)
        return np.array([score(row) for row in rows]).reshape(shape)

    return scores


largest_probability = each_row(lambda row: max(softmax(row)))
largest_logit = each_row(max)
negative_energy = each_row(lambda row: math.log(sum(math.exp(z) for z in row)))
probability_margin = each_row(lambda row: np.diff(sorted(softmax(row))[-2:])[0])


def nearest_cosine(features, references, k):
    """The k-th largest cosine, or the smallest of fewer."""
    found = []
    for x in np.asarray(features, np.float64):
        cosines = [
            float(x @ other) / (math.hypot(*x) * math.hypot(*other))
            for other in np.asarray(references, np.float64)
        ]
        found.append(sorted(cosines, reverse=True)[min(k, len(cosines)) - 1])
    return np.array(found)


def class_means(references, labels):
    """The mean of each class that there is."""
    references = np.asarray(references, np.float64)
    return {c: references[labels == c].mean(0) for c in np.unique(labels)}


def mahalanobis(features, references, labels):
    """With the covariance half within the classes, half a sphere."""
    means = class_means(references, labels)
    dimensions = np.shape(references)[1]
    within = np.zeros((dimensions, dimensions))
    for x, c in zip(np.asarray(references, np.float64), labels):
        within += np.outer(x - means[c], x - means[c]) / len(labels)
    covariance = (within + np.trace(within) / dimensions * np.eye(dimensions)) / 2
    inverse = np.linalg.inv(covariance)
    return np.array(
        [
            -min((x - m) @ inverse @ (x - m) for m in means.values())
            for x in np.asarray(features, np.float64)
        ]
    )


def subspace(features, references, labels):
    """The length of the least-squares fit by the class means, over the length."""
    basis = np.stack(list(class_means(references, labels).values()), axis=1)
    found = []
    for x in np.asarray(features, np.float64):
        weights, *_ = np.linalg.lstsq(basis, x, rcond=None)
        found.append(np.linalg.norm(basis @ weights) / np.linalg.norm(x))
    return np.array(found)
