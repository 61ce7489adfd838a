"""The mean of the weights of all networks of a run in rounds, as its result.

Model soups (Wortsman et al. 2022, arXiv:2203.05482): networks that were fine-tuned from
the same weights can be averaged weight by weight. Like an ensemble, the mean errs less
than each of them, at the inference cost of a single network. Networks that started from
different random weights cannot be averaged.

    RUN/mean/    the mean's checkpoint and scores, as in the folder of a round
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import tensorflow as tf

from mixdmt_tf import digests
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.algorithms.parts.ood_mask import OF_FEATURES, OF_LOGITS
from mixdmt_tf.errors import UsageError
from mixdmt_tf.rounds.stages import Stages
from mixdmt_tf.runs import finished, predictions, results, trained
from mixdmt_tf.runs.checkpoints import Checkpoints, portable_weights
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.runs.task import Task

NAME = "mean"
_STEPS = "train_"  # prefix of a step's numbers in `metrics.csv`


class _Mean:
    """The means of networks, with the attributes that an evaluation needs."""

    def __init__(self, network: Any, models: Sequence[trained.Trained], ood: Any):
        self.network, self.ood = network, ood
        network.set_weights(_mean([each.averaged for each in models]))
        self.average = MovingAverage(network)
        network.set_weights(_mean([each.raw for each in models]))


@dataclasses.dataclass(frozen=True)
class _Mask:
    """The mask of the last round, as far as an evaluation asks for it (`OodMask`)."""

    score: str
    fixed_score: str
    scores: Optional[tf.Tensor]


def _mask_of(experiment: Experiment, folder: pathlib.Path, step: int) -> Any:
    """Returns the mask of a finished stage; None if its method has none."""
    score = getattr(experiment.method, "ood_score", "")
    if not score:
        return None
    scores = predictions.read(folder, step).get("ood_scores")
    noted = digests.read_json(folder / "results.json").get("ood_aurocs") or {}
    others = {*OF_LOGITS, *OF_FEATURES}
    # The only other score that an evaluation adds is the one of `scores`.
    fixed = next((each for each in noted if each not in others), "")
    # Where the truth is unknown, nothing is noted, and nobody asks for the name.
    known = scores is not None and (fixed or not noted)
    name = fixed[: -len("_given")] if fixed.endswith("_given") else fixed
    return _Mask(score, name, tf.constant(scores) if known else None)


def _mean(networks: Sequence[List[np.ndarray]]) -> List[np.ndarray]:
    """Averages each weight in float64 and rounds once."""
    return [
        np.mean(weights, 0, dtype=np.float64).astype(weights[0].dtype)
        for weights in zip(*networks)
    ]


def require_one_beginning(experiment: Experiment) -> None:
    """Checks that all networks start from the same weights.

    Raises:
        UsageError: if they start from different random weights.
    """
    apart = experiment.method.restart or experiment.method.models > 1
    if apart and experiment.network.pretrained in ("", "none"):
        raise UsageError(
            f"--select_on={NAME}: networks that begin with different random weights "
            "cannot be averaged.\nUse a network with published weights, such as "
            "--network=efficientnet_lite0, or --select_on=best."
        )


def write(task: Task, stages: Stages) -> Dict[str, Any]:
    """Writes the checkpoint and scores of the mean of all rounds, unless they exist.

    Args:
        task: task of the run.
        stages: stages of the run, all finished.

    Returns:
        The content of `results.json` of the folder: scores, and in `mean_of` the names
        of the stages. `steps` and `seconds` are 0, since the stages count theirs.
    """
    folder, split, snapshot = stages.path / NAME, stages.split, stages.snapshot
    folders = [stages.folder(each.name) for each in stages.all if each.teacher]
    models = [trained.load(task, each, snapshot) for each in folders]
    digest = [trained.weights_digest(each.averaged) for each in models]
    step = models[-1].step
    files = ("results.json", "metrics.csv", trained.FACTS)
    if all(digests.is_sound(folder / name) for name in files):
        known = digests.read_json(folder / "results.json")
        if known["mean_of_weights"] == digest and finished.is_whole(folder, step):
            return known
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    facts = digests.read_json(folders[-1] / trained.FACTS)
    mask = _mask_of(task.experiment, folders[-1], step)
    mean = _Mean(task.load_scorer(facts).network, models, mask)
    Checkpoints(
        folder / "checkpoints",
        tf.train.Checkpoint(network=mean.network, average=mean.average),
        models[-1].split,
        keep=1,
        portable=portable_weights(mean.network, mean.average),
    ).save(step)
    digests.copy(folders[-1] / trained.FACTS, folder / trained.FACTS)
    log = task.log(folder)
    evaluate = task.evaluation(split, task.load_scorer(facts), log)
    # What a mask found before the first round is written with the steps of each.
    numbers = {
        name[len(_STEPS) :]: value
        for name, value in read_rows(folders[-1])[-1].items()
        if name.startswith(f"{_STEPS}ood")
    }
    _, scores = evaluate(
        step,
        mean,
        numbers,
        0.0,
        lambda: None,  # type: ignore[arg-type]
    )
    log.close()
    print(f"mean of {', '.join(each.name for each in folders)}: {scores}", flush=True)
    outcome = {
        **results.summarize(task, log.rows, split),
        "steps": 0,
        "seconds": 0.0,
        "mean_of": [each.name for each in folders],
        "mean_of_weights": digest,
    }
    digests.write(folder / "results.json", json.dumps(outcome, indent=1))
    return outcome
