"""How long a run takes and, for `--max_minutes`, how many steps fit.

Both are told from a few steps that are made and thrown away.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pathlib
import tempfile
from typing import Any, Callable, Dict, List, Optional, Tuple

import keras

from mixdmt_tf import lengths
from mixdmt_tf.progress import duration
from mixdmt_tf.rounds import plan
from mixdmt_tf.rounds.loop import Loop
from mixdmt_tf.rounds.stages import Stages
from mixdmt_tf.runs import runtime
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.runs.run_folder import RunFolder
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.warnings import (
    HOUR,
    before_the_first_step,
    images_per_step,
)

STEPS = 6  # of each kind, the first of which compiles
MOST = 2**24  # steps that are chosen at most

Train = Callable[[Experiment, Any, Pace], Dict[str, Any]]
Paces = Dict[str, Pace]


def within_minutes(task: Task, train: Train) -> Experiment:
    """Settings with as many steps as `max_minutes` allow, if they say so.

    Steps that are given count. Those of base models and rounds are proportions.

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
    minutes = experiment.run.max_minutes
    if minutes is None or not is_asked_for(experiment):
        return experiment
    print("--max_minutes: a few steps to measure with ...", flush=True)
    seconds = cost(task, *measured(task, train))
    steps = most(seconds, 60 * minutes)
    found: Dict[str, Any] = {"steps": steps}
    if experiment.in_rounds and None not in _stage_lengths(experiment):
        found = plan.in_proportion(steps, vars(experiment.method))
    print(
        f"--max_minutes={minutes:g}: "
        + " ".join(f"--{name}={value}" for name, value in found.items())
        + f", about {duration(seconds(steps))} with evaluations",
        flush=True,
    )
    if experiment.in_rounds and "steps" in found:  # which divides all of them
        found.update(dict.fromkeys(lengths.STAGES))
    return experiment.replace(found)


def is_asked_for(experiment: Experiment) -> bool:
    """Whether the length of a run is to be that of so many minutes."""
    return experiment.run.max_minutes is not None and experiment.run.steps is None


def _stage_lengths(experiment: Experiment) -> List[Optional[int]]:
    """Lengths of base models and of rounds; None where there are none, or open ones."""
    return [getattr(experiment.method, name, None) for name in lengths.STAGES]


def is_open(experiment: Experiment) -> bool:
    """Whether nobody chose the length of a run, so that it is worth a word."""
    return experiment.run.steps is None and not any(_stage_lengths(experiment))


def forecast(
    task: Task,
    resolved: Experiment,
    timed: Tuple[Paces, int],
    loop: Optional[Loop],
) -> str:
    """What is said before the first step of a run whose length nobody chose.

    Args:
        task: of the whole data, with settings as they were given.
        resolved: the settings with a length.
        timed: from `measured`.
        loop: of a run in rounds.
    """
    seconds = cost(task, *timed)
    steps = loop.steps if loop else int(resolved.run.steps or 0)
    images = loop.images if loop else steps * images_per_step(resolved)
    whole = of_stages(task, *timed, loop.stages) if loop else seconds(steps)
    fitting = most(seconds, HOUR)
    return before_the_first_step(resolved, steps, images, whole, fitting)


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
        changes.update(pseudo_labels="", models=1, difference_share=None)
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
        short = few.experiment
        run = runtime.resolve(short.run, short.network, short.method)
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

    And, if that is asked for, the comparison with labels alone.

    Args:
        task: of the whole data.
        paces: from `measured`.
        few: images that were scored there.
    """
    experiment = task.experiment
    run, labels = _durations(task, few)

    if not experiment.in_rounds:
        pace = paces["round_1" if experiment.data.pseudo_labels else "run"]
        # The comparison has as many steps, of labelled images alone, and evaluations.
        compared = experiment.run.compare_supervised
        if not compared or experiment.algorithm == "supervised":
            return lambda steps: run(steps, pace)
        share = experiment.run.batch / images_per_step(experiment)
        return lambda steps: run(steps, pace) + run(steps, pace, share)

    def all_rounds(steps: int) -> float:
        found = plan.in_proportion(steps, vars(experiment.method))
        total = 0.0
        for name, pace in paces.items():  # each model has a base and a round
            if name.startswith("base"):
                given = experiment.run.init_from  # which is the base model
                total += 0 if given else run(found["base_steps"], pace)
            else:
                each = run(found["round_steps"], pace) + labels(pace)
                total += found["rounds"] * each
        return total

    return all_rounds


def _durations(
    task: Task, few: int
) -> Tuple[Callable[..., float], Callable[..., float]]:
    """Seconds of a training run with its evaluations, and of a round's pseudo labels.

    Args:
        task: of the whole data.
        few: images that each evaluation of a pace scored.
    """
    experiment, source, judged = task.experiment, task.source, _judged(task)

    def per_image(pace: Pace) -> float:
        return (pace.seconds_per_evaluation or 0.0) / max(1, few)

    def run(steps: int, pace: Pace, share: float = 1.0) -> float:
        every = experiment.run.eval_every or lengths.eval_every(experiment.task, steps)
        evaluations = -(-steps // every)
        each = share * (pace.seconds_per_step or 0.0)
        return steps * each + evaluations * judged * per_image(pace)

    def labels(pace: Pace) -> float:
        asked = getattr(experiment.method, "candidates", None) or len(source.train)
        return min(asked, len(source.train)) * per_image(pace)

    return run, labels


def of_stages(task: Task, paces: Paces, few: int, stages: Stages) -> float:
    """Seconds that all stages of a run in rounds take, whatever their lengths.

    Args:
        task: of the whole data.
        paces: from `measured`.
        few: images that were scored there.
        stages: of the run.
    """
    run, labels = _durations(task, few)
    total = 0.0
    for stage in stages.all:
        if stage.teacher:
            name = stage.name.replace(f"round_{stage.round}", "round_1")
            total += labels(paces[name])
        elif task.experiment.run.init_from:
            continue
        else:
            name = stage.name
        total += run(stages.steps(stage), paces[name])
    return total


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
