"""One step of Guided Collaborative Training (arXiv:2008.05258) in plain NumPy."""

from __future__ import annotations

import numpy as np

from tests.oracles import flaws
from tests.oracles.adversarial_steps import one_hot
from tests.oracles.segmentation_steps import (
    IGNORED,
    distance,
    labelled,
    mean,
    predict,
    ramped,
)


def gct(networks, detect, batch, weights, length, xi, believed=None):
    """All numbers that a step reports.

    Args:
        networks: two of them, images to logits.
        detect: from maps and images to flaws [n, h, w].
        batch: x, y, u, u_confidence, step.
        weights: lambda_dc after its ramp, lambda_fc.
        length: of the ramp in steps.
        xi: threshold of flaws.
        believed: the networks from which targets and masks come, constants to
            gradients; default: `networks`.
    """
    images = np.concatenate([batch["x"], batch["u"]])
    known, inside = batch["y"] != IGNORED, batch["u_confidence"] > 0
    counted = list(zip(*np.nonzero(np.concatenate([known, inside]))))
    side = min(images.shape[1:3])
    said = [predict(each, images) for each in believed or networks]
    seen = [flaws.handled_flaws(detect(each, images), side) for each in said]
    bad = flaws.both_flawed_mask(*seen, xi)
    weight = ramped(weights[0], batch["step"], length)
    report = {"lambda_dc": weight, "both_flawed": mean([bad[i] for i in counted])}
    loss, detection = 0.0, []
    for own, end in ((0, ""), (1, "_peer")):
        p = predict(networks[own], images)
        target = flaws.dynamic_target(
            said[own], said[1 - own], seen[own], seen[1 - own], xi
        )
        found = detect(p, images)
        parts = {
            f"loss_x{end}": mean(labelled(networks[own], batch)),
            f"loss_dc{end}": mean([distance(target[i], p[i]) for i in counted])
            / p.shape[-1],
            f"loss_fc{end}": mean([bad[i] * found[i] ** 2 for i in counted]),
        }
        factors = (1, weight, weights[1])
        loss += sum(f * value for f, value in zip(factors, parts.values()))
        changed = [float(np.any(target[i] != said[own][i])) for i in counted]
        report.update(parts, **{f"taught{end}": mean(changed)})
        number = len(known)
        errors = flaws.class_error(one_hot(batch["y"], p.shape[-1]), p[:number])
        truth = flaws.flaw_truth(errors * known, side)
        detection += list((found[:number] - truth)[known] ** 2)
    return {"loss": loss, **report, "loss_flaw": mean(detection)}
