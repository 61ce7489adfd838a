"""`--max_minutes`: how many steps fit, from a few that are made and thrown away."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pathlib
import tempfile
from typing import Any, Callable, Dict, Tuple

import keras

from mixdmt_tf import lengths
from mixdmt_tf.progress import duration
from mixdmt_tf.rounds import plan
from mixdmt_tf.rounds.loop import Loop
from mixdmt_tf.runs import runtime
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.runs.run_folder import RunFolder
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.runs.task import Task

STEPS = 6  # of each kind, the first of which compiles
MOST = 2**24  # steps that are chosen at most

Train = Callable[[Experiment, Any, Pace], Dict[str, Any]]
Paces = Dict[str, Pace]


def within_minutes(task: Task, train: Train) -> Experiment:
    """Settings with as many steps as `max_minutes` allow, if they say so.

    The steps are those of a run on a few images in a temporary folder, with the
    network, the batch and the precision of the run itself. Nothing of it is left in the
    process that the run could see: it seeds the initial weights anew, and everything
    else is drawn statelessly.

    Args:
        task: of the whole data.
        train: trains an experiment on a source and returns its results.

    Raises:
        UserError: if the data are not there, or the settings don't go together.
    """
    experiment = task.experiment
    minutes, steps = experiment.run.max_minutes, experiment.run.steps
    has_length = getattr(experiment.method, "base_steps", None) is not None
    if minutes is None or steps is not None or has_length:
        return experiment
    print("--max_minutes: a few steps to measure with ...", flush=True)
    seconds = cost(task, *measured(task, train))
    steps = most(seconds, 60 * minutes)
    print(
        f"--max_minutes={minutes:g}: --steps={steps}, about "
        f"{duration(seconds(steps))} with evaluations",
        flush=True,
    )
    run = dataclasses.replace(experiment.run, steps=steps)
    return dataclasses.replace(experiment, run=run)


def measured(task: Task, train: Train) -> Tuple[Paces, int]:
    """Durations of steps and evaluations, by stage ('run' of a run without rounds).

    One round on pseudo labels that are given, which are of other images than these few,
    is measured as a round of a run that makes its own.

    Returns:
        The durations, and how many images each of the evaluations scored.
    """
    experiment = task.experiment
    changes: Dict[str, Any] = {"steps": STEPS}
    in_rounds = experiment.in_rounds or bool(experiment.data.pseudo_labels)
    if in_rounds:
        changes = {"rounds": 1, "fractions": "", "select_on": "last"}
        changes.update(base_steps=STEPS, round_steps=STEPS)
    if experiment.data.pseudo_labels:
        changes.update(pseudo_labels="", models=1)
    changes.update(eval_every=STEPS // 2, checkpoint_every=STEPS, init_from="")
    changes.update(_quick_mask(experiment.method))
    changes.update(data_service="")  # whose workers don't see the temporary folder
    changes.update(export=False, compare_supervised=False, steps_per_execution=1)
    paces: Paces = {}

    def stage(settings: Experiment, source: Any, pace: Pace) -> Dict[str, Any]:
        paces[pathlib.Path(settings.run.workdir).name] = pace
        return train(settings, source, pace)

    with tempfile.TemporaryDirectory(prefix="mixdmt-pace-") as folder:
        path = pathlib.Path(folder)
        few = task.replace(experiment.replace({**changes, "max_minutes": None}))
        few = few.replace(few.resolve()).small(path)
        run = runtime.resolve(few.experiment.run, few.experiment.network)
        run = dataclasses.replace(run, workdir=str(path / "run"))
        few = few.replace(dataclasses.replace(few.experiment, run=run))
        keras.backend.clear_session()
        with contextlib.redirect_stdout(io.StringIO()):
            if not in_rounds:
                stage(few.experiment, few.source, Pace())
            else:
                with RunFolder(path / "run", few.experiment):
                    runtime.start(run)
                    Loop(few, path / "run", stage).complete()
        keras.backend.clear_session()
        return paces, _judged(few)


def _quick_mask(method: Any) -> Dict[str, Any]:
    """Settings of a mask that looks at nothing before the first step, as in RealMix."""
    if not hasattr(method, "ood_rate"):
        return {}
    changes: Dict[str, Any] = {"ood_scores_from": "", "ood_scores": ""}
    if method.ood_rate == "auto":
        changes["ood_rate"] = 0.5
    if method.ood_score in ("domain", "frozen"):
        changes.update(ood_score="softmax", ood_layer="")
    return changes


def cost(task: Task, paces: Paces, few: int) -> Callable[[int], float]:
    """From a number of steps to the seconds that they take, evaluations included.

    Args:
        task: of the whole data.
        paces: from `measured`.
        few: images that were scored there.
    """
    experiment, source, judged = task.experiment, task.source, _judged(task)

    def per_image(pace: Pace) -> float:
        return (pace.seconds_per_evaluation or 0.0) / max(1, few)

    def run(steps: int, pace: Pace) -> float:
        every = experiment.run.eval_every or lengths.eval_every(experiment.task, steps)
        evaluations = -(-steps // every)
        each = pace.seconds_per_step or 0.0
        return steps * each + evaluations * judged * per_image(pace)

    if not experiment.in_rounds:
        pace = paces["round_1" if experiment.data.pseudo_labels else "run"]
        return lambda steps: run(steps, pace)

    def all_rounds(steps: int) -> float:
        found = plan.stage_lengths(steps, vars(experiment.method))
        total = 0.0
        for name, pace in paces.items():  # each model has a base and a round
            if name.startswith("base"):
                total += run(found["base_steps"], pace)
            else:
                labeling = len(source.train) * per_image(pace)
                total += found["rounds"] * (run(found["round_steps"], pace) + labeling)
        return total

    return all_rounds


def most(seconds: Callable[[int], float], limit: float) -> int:
    """The largest number of steps, at least 1, that takes no longer than `limit`."""
    low, high = 1, MOST
    while low < high:
        middle = (low + high + 1) // 2
        if seconds(middle) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _judged(task: Task) -> int:
    """How many images an evaluation scores."""
    source, split = task.source, choose_split(task)
    held_out = source.validation if split.own_validation else split.validation
    return sum(len(each) for each in (held_out, source.test) if each is not None)
