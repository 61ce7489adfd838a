"""Runs that take a second or two: 8x8 digits, a tiny network, a dozen steps."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import signal
from typing import Any, Callable, Dict, List, Optional, Tuple
from unittest import mock

import keras

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.cli import experiments, train
from mixdmt_tf.runs import checkpoints, training_loop
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.tasks.classification.task import Classification
from tests.tasks import scorers

STEPS = 12
FLAGS = (
    "--dataset=digits",
    "--network=small_cnn",
    "--filters=4",
    "--labels=20",
    "--validation=50",
    "--batch=8",
    f"--steps={STEPS}",
    "--eval_every=4",
    "--checkpoint_every=3",
    "--log_every=2",
    "--learning_rate=0.01",
    "--ema_decay=0.8",
    "--noema_warmup",
    "--copies=2",
    "--copies_store=virtual",
    "--report=false",
    "--export=false",  # which takes as long as the training
)
FLOAT32 = "--precision=float32"
SUPERVISED = "--algorithm=supervised"
EXPORT = "--export=true"
SHORT_ROUNDS = (
    "--steps=none",
    "--base_steps=6",
    "--base_batch=8",
    "--round_steps=6",
    "--rounds=2",
    "--unlabeled_ratio=2",
    "--eval_every=6",
)
ROUNDS = ("--algorithm=dmt", *SHORT_ROUNDS, "--augment=none", "--select_on=last")

Moments = Dict[Tuple[str, int], Callable[[], None]]


def flags(workdir: pathlib.Path, *more: str) -> List[str]:
    """The command line of a tiny run; a flag that is given again replaces ours."""
    given = {each.partition("=")[0] for each in more}
    ours = [each for each in (*FLAGS, FLOAT32) if each.partition("=")[0] not in given]
    return [*ours, *more, f"--workdir={workdir}"]


def experiment(workdir: pathlib.Path, *more: str) -> Experiment:
    """A tiny run's settings."""
    return experiments.build(experiments.parse(flags(workdir, *more), "train", ""))


def signals(number: int) -> Callable[[], None]:
    """Something that sends a signal to this very process."""
    return lambda: os.kill(os.getpid(), number)


TERMINATE, INTERRUPT = signals(signal.SIGTERM), signals(signal.SIGINT)


class Watch:
    """Sees what is trained, and does something at given moments of it.

    A moment is the name of one of the loop's hooks and the step it is called with; what
    is to be done is done just before the run's own hook, of 'evaluated' just after it.
    """

    def __init__(self, moments: Optional[Moments] = None):
        self.moments = moments or {}
        self.algorithms: List[Algorithm] = []
        self.steps: List[int] = []
        self._train = training_loop.train
        self._patch = mock.patch.object(training_loop, "train", self._watched)

    def __enter__(self) -> Watch:
        self._patch.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._patch.stop()

    def digest(self) -> str:
        """Of the first algorithm's weights, optimizer and average."""
        return checkpoints.digest(self.algorithms[0])

    def last_digest(self) -> str:
        """Of the last one's, as of the last round's."""
        return checkpoints.digest(self.algorithms[-1])

    def _watched(self, algorithm, pipeline, strategy, schedule, hooks, *rest):
        self.algorithms.append(algorithm)
        hooks = dataclasses.replace(
            hooks,
            **{
                name: self._before(name, getattr(hooks, name))
                for name in ("log", "evaluate", "save", "progress")
            },
        )
        return self._train(algorithm, pipeline, strategy, schedule, hooks, *rest)

    def _before(self, name: str, hook: Callable[..., None]) -> Callable[..., None]:
        def called(step: int, *rest: Any) -> None:
            if name == "progress":
                self.steps.append(step)
            self.moments.get((name, step), lambda: None)()
            hook(step, *rest)
            self.moments.get((f"{name}d", step), lambda: None)()

        return called


@dataclasses.dataclass(frozen=True)
class Session:
    """What came of one start of the training command.

    Attributes:
        code: the exit code.
        digest: of weights, optimizer and average when it ended, None if it never began.
        last_digest: of the last network that was trained, as that of the last round.
        steps: the steps after which the loop reported progress.
        out: what it printed.
        err: what it complained of.
    """

    code: int
    digest: Optional[str]
    steps: Tuple[int, ...]
    out: str
    err: str
    last_digest: Optional[str] = None


def session(
    workdir: pathlib.Path, *more: str, moments: Optional[Moments] = None
) -> Session:
    """Starts the training command in this process."""
    out, err = io.StringIO(), io.StringIO()
    policy = keras.mixed_precision.global_policy()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            with Watch(moments) as watch, scorers.kept(Classification):
                code = train.main(flags(workdir, *more))
    finally:
        keras.mixed_precision.set_global_policy(policy)
    digest = watch.digest() if watch.algorithms else None
    last = watch.last_digest() if watch.algorithms else None
    texts = out.getvalue(), err.getvalue()
    return Session(code, digest, tuple(watch.steps), *texts, last)


@dataclasses.dataclass(frozen=True)
class Finished:
    """A run folder that nobody may change, and the session that filled it."""

    folder: pathlib.Path
    session: Session

    @property
    def results(self) -> Dict[str, Any]:
        """What `results.json` holds."""
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8"))


_finished: Dict[Tuple[str, ...], Finished] = {}


def finished(tmp_path_factory) -> Finished:
    """RealMix with its supervised comparison, trained once per process."""
    return _once(tmp_path_factory, "--compare_supervised", EXPORT)


def finished_rounds(tmp_path_factory) -> Finished:
    """DMT in two rounds, trained once per process."""
    return _once(tmp_path_factory, *ROUNDS, "--compare_supervised", EXPORT)


def _once(tmp_path_factory, *more: str) -> Finished:
    if more not in _finished:
        folder = tmp_path_factory.mktemp("finished") / "run"
        found = Finished(folder, session(folder, *more))
        assert found.session.code == 0, found.session.err
        _finished[more] = found
    return _finished[more]
