"""Fixed out-of-distribution scores of a run's mask: their network and their file.

"Fixed" means that training does not change them. An estimate of the share of images of
no class also needs labelled images that the scores were not fitted to. So a network
that was trained on labels of this run provides features only if it is named by
`--ood_scores_from`, and never an estimate. The stages of a run in rounds read scores
that were computed before the first stage.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Optional

import keras
import numpy as np

from mixdmt_tf import addresses, digests
from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.algorithms.parts.fixed_scores import FixedScores, find
from mixdmt_tf.algorithms.parts.frozen_scores import frozen_scores
from mixdmt_tf.algorithms.parts.image_scores import stranger_share
from mixdmt_tf.algorithms.parts.ood_mask import ranks_images
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.models import features
from mixdmt_tf.runs import trained, transfer
from mixdmt_tf.runs.run_folder import read_flags, read_results
from mixdmt_tf.runs.task import Task
from mixdmt_tf.tasks.classification import score_files, strangers


def begin(
    task: Task,
    algorithm: Algorithm,
    pipeline: Pipeline,
    folder: Optional[pathlib.Path],
) -> None:
    """Starts a method, with fixed scores if it needs any.

    Args:
        task: of the run.
        algorithm: before its first step.
        pipeline: the run's images.
        folder: of the run; computed scores are kept there.
    """
    mask = getattr(algorithm, "ood", None)
    needed = mask is not None and mask.scores is not None
    if needed:
        mask.given = _given(task, pipeline)
    algorithm.begin(pipeline)
    if needed and folder and not task.experiment.method.ood_scores:
        score_files.write(folder / score_files.NAME, mask.given, pipeline.split)


def of_whole_run(task: Task, split: Split, folder: pathlib.Path) -> None:
    """Computes the scores of a run in rounds, unless its folder has them."""
    path = folder / score_files.NAME
    if score_files.is_sound(path, split):
        return
    if path.exists():
        print(f"{path} is damaged: its scores are found again", flush=True)
    experiment = task.experiment
    recipe = experiment.method_class().recipe(experiment.method)
    run = experiment.run
    pipeline = Pipeline(task.source, split, recipe, run.seed, run.batch)
    found = _given(task, pipeline) or _unmoved(task, pipeline)
    score_files.write(path, found, split)


def needed(task: Task) -> bool:
    """Returns whether the run's mask, or its rate, depends on fixed scores."""
    method = task.experiment.method
    if not hasattr(method, "ood_scores_from"):
        return False
    rate = strangers.rate(task.experiment)
    return rate == "auto" or (ranks_images(method) and rate > 0)


def inside(task: Task, split: Split, folder: pathlib.Path) -> Optional[np.ndarray]:
    """Returns which images the mask of a run in rounds keeps, by the fixed scores.

    Args:
        task: of the run.
        split: of the run.
        folder: of the run, with the scores of `of_whole_run`.

    Returns:
        bool [N] of the unlabelled images; None if there is no mask or it isn't fixed.
    """
    method: Any = task.experiment.method
    if getattr(method, "ood_score", "") == "oracle":
        return np.asarray(task.source.train.labels[split.unlabeled] >= UNKNOWN)
    if not (needed(task) and ranks_images(method)):
        return None
    found: Any = score_files.read(folder / score_files.NAME, split)
    rate: Any = strangers.rate(task.experiment)
    if rate == "auto":
        rate = found.share.rate
    return ~strangers.rejected(found.scores, rate)


def begins_trained(task: Task, split: Split) -> bool:
    """Returns whether the run starts from weights trained without its labels."""
    init_from = task.experiment.run.init_from
    published = task.experiment.network.pretrained not in ("", "none")
    if not (init_from and hasattr(task.experiment.method, "ood_rate")):
        return bool(init_from) or published
    return published or not knows_labels(expanded(init_from), task, split)


def knows_labels(folder: pathlib.Path, task: Task, split: Split) -> bool:
    """Returns whether a run, or one it started from, learnt from this run's labels.

    Args:
        folder: of that run.
        task: of this run.
        split: of this run.
    """
    seen = set()
    data = task.experiment.data
    while folder not in seen and (folder / "flags.txt").is_file():
        seen.add(folder)
        flags = read_flags(folder)
        if flags.get("dataset") == data.dataset:
            theirs = Split.from_json(digests.read(folder / "split.json"))
            # Image ids of different folders cannot be compared.
            same = theirs.fingerprint == split.fingerprint
            same = same or _same_folder(flags.get("data_dir", ""), data.data_dir)
            if same and set(theirs.labeled) & set(split.labeled):
                return True
        before = flags.get("init_from", "")
        if not before:
            return False
        folder = expanded(before)
    return False


def _same_folder(one: str, other: str) -> bool:
    """Returns whether two flags name the same folder, or both none."""
    if not (one and other) or addresses.is_address(one):
        return one == other
    return expanded(one).resolve() == expanded(other).resolve()


def _given(task: Task, pipeline: Pipeline) -> Optional[FixedScores]:
    """Returns scores of another network; None if the run's network computes them."""
    experiment, split = task.experiment, pipeline.split
    method, init_from = experiment.method, experiment.run.init_from
    if method.ood_scores:
        found = score_files.read(expanded(method.ood_scores), split)
        if found.share is None and method.ood_rate == "auto":
            raise UserError(
                f"--ood_scores={method.ood_scores} has no rate: its run was given one."
                "\nGive --ood_rate, or a file of a run with --ood_rate=auto."
            )
        return found
    if method.ood_scores_from:
        return _by_another(task, pipeline, expanded(method.ood_scores_from))
    if method.ood_score == "domain" or not init_from:
        return None
    if knows_labels(expanded(init_from), task, split):
        found = _unmoved(task, pipeline)
        return _noted(found, f"{init_from} learnt from labels of this run: not used")
    return None


def _by_another(task: Task, pipeline: Pipeline, folder: pathlib.Path) -> FixedScores:
    """Computes scores with the network of the run that `ood_scores_from` names."""
    method, split = task.experiment.method, pipeline.split
    model = _model(task, folder)
    print(f"--ood_score={method.ood_score}: by the network of {folder}", flush=True)
    knows, estimates = knows_labels(folder, task, split), method.ood_rate == "auto"
    if method.ood_score == "frozen":
        network = model.scorer.network
        network.set_weights(model.averaged)
        extractor = features.extractor(network, method.ood_layer)
        found = frozen_scores(extractor, pipeline)
        if not knows:
            share = stranger_share(found) if estimates else None
            return FixedScores(found.scores, share, found.note)
        scores = found.scores
    else:
        judged = strangers.judge(model, "ema", task.source, split)
        scores = strangers.ranked(method.ood_score, judged, task.source, split)
    if not estimates:
        return FixedScores(scores)
    # Its own labelled images have higher scores than other images of the classes.
    own = _noted(_unmoved(task, pipeline), f"{folder} gives the score, not the rate")
    return dataclasses.replace(own, scores=scores)


def _noted(found: FixedScores, words: str) -> FixedScores:
    note = "\n".join(filter(None, [found.note, words]))
    return dataclasses.replace(found, note=note)


def _unmoved(task: Task, pipeline: Pipeline) -> FixedScores:
    """Computes scores and the estimate without a network trained on the labels."""
    method, split = task.experiment.method, pipeline.split
    name, extractor = "domain", None
    if method.ood_score != "domain" and begins_trained(task, split):
        # `ood_layer` is a layer of the network that provides the score.
        layer = "" if method.ood_scores_from else method.ood_layer
        name, extractor = "frozen", features.extractor(_beginning(task, split), layer)
    return find(name, pipeline, extractor, method.ood_rate == "auto")


def _beginning(task: Task, split: Split) -> keras.Model:
    """Returns a network with weights trained without the run's labels."""
    network, init_from = task.network(), task.experiment.run.init_from
    if init_from and not knows_labels(expanded(init_from), task, split):
        transfer.initialize(network, task)
    else:
        task.initialize(network)
    return network


def _model(task: Task, folder: pathlib.Path) -> Any:
    """Loads the network of a finished run with images like those of this run.

    Raises:
        UserError: if the run cannot be used; says why.
    """
    if not (folder / "flags.txt").is_file() or read_results(folder) is None:
        raise UserError(
            f"--ood_scores_from={folder} holds no finished run.\nExpected the run "
            "folder of a training command that has come to its end."
        )
    name, network = transfer.network_of(folder)
    run = dataclasses.replace(task.experiment.run, network=name)
    theirs = dataclasses.replace(task.experiment, run=run, network=network)
    model = trained.load(task.replace(theirs), folder)
    model.scorer.layer = task.experiment.method.ood_layer
    if tuple(model.image_shape) != tuple(task.source.image_shape):
        shapes = [
            "x".join(map(str, e)) for e in (model.image_shape, task.source.image_shape)
        ]
        raise UserError(
            f"--ood_scores_from={folder} was trained on images of {shapes[0]}; these "
            f"are {shapes[1]}.\nGive a run on images like these."
        )
    return model
