"""Losses of one step of the methods that MixMatch compares itself with, in plain NumPy.

Written from the papers that `mixdmt_tf/algorithms/<name>.py` cites, with the MixMatch
release's settings, for networks without batch normalization. Each returns (loss_x,
loss_u), means over the rows.

`forward` and `teach` take images to logits; a batch is a dictionary of NumPy arrays as
`Recipe` describes it.
"""

from __future__ import annotations

import numpy as np

from tests.oracles.adversarial import adversarial_perturbation
from tests.oracles.losses import softmax


def predict(forward, images):
    """Probabilities of each image, a list of lists of float64."""
    return [softmax([float(z) for z in row]) for row in forward(images)]


def cost(label, probabilities):
    """Cross-entropy of one row."""
    return -sum(t * np.log(p) for t, p in zip(label, probabilities))


def distance(one, other):
    """Mean over classes of the squared differences of two rows."""
    return sum((a - b) ** 2 for a, b in zip(one, other)) / len(one)


def divergence(p, q):
    """Kullback-Leibler, of q from p, two rows."""
    return sum(a * np.log(a / b) for a, b in zip(p, q))


def mixture(own, partner, lam):
    """Of two arrays, the larger coefficient going to the first."""
    lam = max(float(lam), 1 - float(lam))
    return lam * np.asarray(own) + (1 - lam) * np.asarray(partner)


def labelled(forward, batch, classes, smoothing=0.0):
    """Mean cross-entropy of the labelled rows, their labels smoothed."""
    costs = []
    for p, y in zip(predict(forward, batch["x"]), batch["y"]):
        label = [float(c == y) for c in range(classes)]
        costs.append(cost([t - smoothing * (t - 1 / classes) for t in label], p))
    return np.mean(costs)


def pi_model(forward, batch, classes):
    """Laine and Aila, algorithm 1."""
    one = predict(forward, batch["u"][:, 0])
    other = predict(forward, batch["u"][:, 1])
    loss_u = np.mean([distance(p, q) for p, q in zip(one, other)])
    return labelled(forward, batch, classes), loss_u


def mean_teacher(forward, teach, batch, classes):
    """Tarvainen and Valpola, section 2: the teacher sees the first view."""
    taught = predict(teach, batch["u"][:, 0])
    learnt = predict(forward, batch["u"][:, 1])
    loss_u = np.mean([distance(p, q) for p, q in zip(learnt, taught)])
    return labelled(forward, batch, classes), loss_u


def ict(forward, teach, batch, classes):
    """Verma et al., on the second of the two blocks of mixup draws."""
    u = batch["u"][:, 0]
    rows = len(u)
    taught = predict(teach, u)
    images, targets = [], []
    for row in range(rows):
        lam = batch["lam"][rows + row]
        other = batch["partner"][rows + row] - rows
        images.append(mixture(u[row], u[other], lam))
        targets.append(mixture(taught[row], taught[other], lam))
    learnt = predict(forward, np.array(images, np.float32))
    loss_u = np.mean([distance(p, q) for p, q in zip(learnt, targets)])
    return labelled(forward, batch, classes), loss_u


def mixup(forward, batch, classes):
    """Zhang et al., section 2; unlabelled rows carry what the network predicts."""
    x, u = batch["x"], batch["u"][:, 0]
    rows = len(x)
    images = [*x, *u]
    labels = [np.eye(classes)[y] for y in batch["y"]] + predict(forward, u)
    costs = []
    for row in range(2 * rows):
        lam, other = batch["lam"][row], batch["partner"][row]
        assert (row < rows) == (other < rows)
        image = mixture(images[row], images[other], lam).astype(np.float32)
        label = mixture(labels[row], labels[other], lam)
        costs.append(cost(label, predict(forward, image[None])[0]))
    return np.mean(costs[:rows]), np.mean(costs[rows:])


def pseudo_label(forward, batch, classes, threshold, released=False):
    """Lee, section 2.4, with a threshold; as released every loss meets every mask."""
    costs, sure = [], []
    for p in predict(forward, batch["u"][:, 0]):
        costs.append(-np.log(max(p)))
        sure.append(1.0 if max(p) > threshold else 0.0)
    loss_u = sum(c * s for c, s in zip(costs, sure)) / len(costs)
    if released:
        loss_u = np.mean([[c * s for c in costs] for s in sure])
    return labelled(forward, batch, classes), loss_u


def vat(weights, biases, batch, classes, xi, epsilon, released=False):
    """Miyato et al., equations 5 to 15, for a linear network; also the mean entropy.

    Args:
        weights: [H W channels, C].
        biases: [C].
        batch: as above, with `u_noise`.
        classes: C.
        xi: step of the finite difference.
        epsilon: length of the perturbation.
        released: whether the last divergence has its arguments the other way round.
    """

    def forward(images):
        flat = np.reshape(images, (len(images), -1)).astype(np.float64)
        return flat @ np.asarray(weights, np.float64) + biases

    u = batch["u"][:, 0].astype(np.float64)
    r = adversarial_perturbation(u, weights, batch["u_noise"], xi, epsilon, biases)
    clean, moved = predict(forward, u), predict(forward, u + r)
    pairs = [(q, p) if released else (p, q) for p, q in zip(clean, moved)]
    loss_u = np.mean([divergence(a, b) for a, b in pairs])
    entropy = np.mean([cost(p, p) for p in clean])
    return labelled(forward, batch, classes), loss_u, entropy
