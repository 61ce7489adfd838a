"""Oracles of the losses (RealMix 1, 2; MixMatch 3, 4; VAT 3; Deep Co-Training 2)."""

import math

import numpy as np


def softmax(logits):
    """Return the probabilities of one row of logits, a list of floats."""
    largest = max(logits)
    exponentials = [math.exp(logit - largest) for logit in logits]
    return [e / sum(exponentials) for e in exponentials]


def cross_entropy(labels, logits):
    """Sum -label * log p, class by class, for each example."""
    loss = np.zeros(logits.shape[:-1])
    for i in np.ndindex(*loss.shape):
        p = softmax([float(logit) for logit in logits[i]])
        for c in range(logits.shape[-1]):
            if labels[i][c] > 0:
                loss[i] -= float(labels[i][c]) * math.log(p[c])
    return loss


def squared_error(q, p):
    """Average the squares of the differences, class by class, for each example."""
    loss = np.zeros(p.shape[:-1])
    for i in np.ndindex(*loss.shape):
        for c in range(p.shape[-1]):
            loss[i] += (float(q[i][c]) - float(p[i][c])) ** 2 / p.shape[-1]
    return loss


def kl_divergence(target_logits, logits):
    """Sum p * log(p / q), class by class, for each example."""
    divergence = np.zeros(logits.shape[:-1])
    for i in np.ndindex(*divergence.shape):
        p = softmax([float(logit) for logit in target_logits[i]])
        q = softmax([float(logit) for logit in logits[i]])
        for c in range(logits.shape[-1]):
            divergence[i] += p[c] * math.log(p[c] / q[c])
    return divergence


def entropy(logits):
    """Sum -p * log p, class by class, for each example."""
    result = np.zeros(logits.shape[:-1])
    for i in np.ndindex(*result.shape):
        for p_c in softmax([float(logit) for logit in logits[i]]):
            result[i] -= p_c * math.log(p_c)
    return result


def js_divergence(logits, other_logits):
    """Entropy of the mean prediction minus the mean of the entropies."""
    divergence = np.zeros(logits.shape[:-1])
    for i in np.ndindex(*divergence.shape):
        p = softmax([float(logit) for logit in logits[i]])
        q = softmax([float(logit) for logit in other_logits[i]])
        for p_c, q_c in zip(p, q):
            m_c = (p_c + q_c) / 2
            divergence[i] -= m_c * math.log(m_c)
            divergence[i] += (p_c * math.log(p_c) + q_c * math.log(q_c)) / 2
    return divergence
