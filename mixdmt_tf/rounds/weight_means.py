"""The mean of the weights of all networks of a run in rounds, as its result.

Model soups (Wortsman et al. 2022, arXiv:2203.05482): networks that were fine-tuned from
the same weights can be averaged weight by weight. Like an ensemble, the mean errs less
than each of them, at the inference cost of a single network. Networks that started from
different random weights cannot be averaged.

    RUN/mean/    the mean's checkpoint and scores, as in the folder of a round
"""

from __future__ import annotations

import json
import shutil
from typing import Any, Dict, List, Sequence

import numpy as np
import tensorflow as tf

from mixdmt_tf import digests
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.errors import UsageError
from mixdmt_tf.rounds.stages import Stages
from mixdmt_tf.runs import finished, results, trained
from mixdmt_tf.runs.checkpoints import Checkpoints, portable_weights
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.task import Task

NAME = "mean"


class _Mean:
    """The means of networks, with the attributes that an evaluation needs."""

    def __init__(self, network: Any, models: Sequence[trained.Trained]):
        self.network = network
        network.set_weights(_mean([each.averaged for each in models]))
        self.average = MovingAverage(network)
        network.set_weights(_mean([each.raw for each in models]))


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
    mean = _Mean(task.load_scorer(facts).network, models)
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
    _, scores = evaluate(step, mean, {}, 0.0, lambda: None)  # type: ignore[arg-type]
    log.close()
    print(f"mean of {', '.join(each.name for each in folders)}: {scores}", flush=True)
    last = digests.read_json(folders[-1] / "results.json")
    outcome = {
        **results.summarize(task, log.rows, split),
        # Found before the first round, and written with its steps.
        **{name: last[name] for name in ("ood_rate_estimate",) if name in last},
        "steps": 0,
        "seconds": 0.0,
        "mean_of": [each.name for each in folders],
        "mean_of_weights": digest,
    }
    digests.write(folder / "results.json", json.dumps(outcome, indent=1))
    return outcome
