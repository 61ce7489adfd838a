"""Runs on images that take seconds: a few small images, a tiny network, four steps.

python -m tests.tasks.segmentation.short WORKDIR NUMBER [FLAGS...]

is a session in a process of its own that is killed while it writes the NUMBER-th file
of pseudo labels.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import signal
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional
from unittest import mock

import keras
import tensorflow as tf

from mixdmt_tf.cli import experiments, train
from mixdmt_tf.data.segmentation import datasets
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.datasets import digit_scenes
from mixdmt_tf.data.segmentation.source import Source
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.tasks.segmentation.task import Segmentation
from tests.tasks import scorers
from tests.tasks.classification.tiny import Finished, Moments, Session, Watch

COUNTS = {"train": 20, "validation": 4, "test": 4}
FLAGS = (
    "--dataset=digit_scenes",
    "--network=small_segmenter",
    "--width=4",
    "--depth=1",
    "--crop=17",
    "--labels=8",
    "--batch=2",
    "--precision=float32",
    "--eval_every=2",
    "--checkpoint_every=1",
    "--keep_checkpoints=4",
    "--log_every=2",
    "--noema_warmup",
    "--report=false",
    "--export=false",  # which takes seconds
)
SINGLE = ("--steps=4",)
ROUNDS = ("--base_steps=4", "--base_batch=2", "--round_steps=4", "--unlabeled_ratio=2")


@contextlib.contextmanager
def few_samples() -> Iterator[None]:
    """The data set of digits with fewer images.

    Which digits belong to which part, and how an image looks, stays as it is.
    """
    with mock.patch.dict(digit_scenes.COUNTS, COUNTS):
        yield


def load() -> Source:
    """The few images."""
    with few_samples():
        return datasets.load(Config(dataset="digit_scenes"))


def flags(workdir: pathlib.Path, *more: str) -> List[str]:
    """The command line of a short run; of a flag given again the last one counts."""
    given = (*FLAGS, *more, f"--workdir={workdir}")
    return list({each.partition("=")[0]: each for each in given}.values())


def experiment(workdir: Any, *more: str) -> Experiment:
    """A short run's settings."""
    return experiments.build(experiments.parse(flags(workdir, *more), "train", ""))


def changed(found: Experiment, **values: Any) -> Experiment:
    """Other settings, which is faster than parsing them."""
    groups = {"run": found.run, "data": found.data, "method": found.method}
    for title, config in groups.items():
        own = {field.name for field in dataclasses.fields(config)}
        given = {name: value for name, value in values.items() if name in own}
        groups[title] = dataclasses.replace(config, **given)
    return dataclasses.replace(found, **groups)


def session(
    workdir: pathlib.Path, *more: str, moments: Optional[Moments] = None
) -> Session:
    """Starts the training command in this process."""
    out, err = io.StringIO(), io.StringIO()
    policy = keras.mixed_precision.global_policy()
    try:
        with few_samples(), Watch(moments) as watch, scorers.kept(Segmentation):
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = train.main(flags(workdir, *more))
    finally:
        keras.mixed_precision.set_global_policy(policy)
    digests = (watch.digest(), watch.last_digest()) if watch.algorithms else (None,) * 2
    texts = out.getvalue(), err.getvalue()
    return Session(code, digests[0], tuple(watch.steps), *texts, digests[1])


def trained_once(tmp_path_factory: Any, *more: str) -> Finished:
    """A run folder that nobody may change, and the session that filled it."""
    folder = tmp_path_factory.mktemp("scenes") / "run"
    done = session(folder, *more)
    assert done.code == 0, done.out + done.err
    return Finished(folder, done)


# Of the machine, the clock and the place.
DIFFERING = dict.fromkeys(("seconds", "machine", "flags"))


def weights(folder: pathlib.Path, step: int = 4) -> str:
    """Of all tensors of a checkpoint: network, average and optimizer."""
    path = folder / "checkpoints" / f"step-{step:08}" / "state"
    reader, total = tf.train.load_checkpoint(str(path)), hashlib.sha256()
    for name in sorted(reader.get_variable_to_shape_map()):
        if name.endswith("VARIABLE_VALUE"):
            total.update(name.encode() + reader.get_tensor(name).tobytes())
    return total.hexdigest()


def facts(folder: pathlib.Path) -> Dict[str, Any]:
    """All that is left of a finished run in rounds: numbers, weights, images."""
    results = json.loads((folder / "results.json").read_text())
    for entry in (results, *results["rounds"]):
        for name in DIFFERING:
            entry.pop(name, None)
    tables = {}
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        kept = [{k: v for k, v in r.items() if k != "seconds"} for r in rows]
        tables[str(path.relative_to(folder))] = kept
    stages = [folder, *sorted(each.parent for each in folder.glob("*/results.json"))]
    files = [*folder.rglob("*.png"), *(folder / "pseudo_labels").rglob("*.json")]
    return {
        "results": results,
        "tables": tables,
        "weights": {each.name: weights(each) for each in stages[1:]},
        "result": weights(folder),
        "files": {str(each.relative_to(folder)): each.read_bytes() for each in files},
    }


def wrapped(
    function: Callable[..., Any], number: int, act: Callable[[], None], first: bool
) -> Callable[..., Any]:
    """The function, and something done at its number-th call, before it or after."""
    calls: List[None] = []

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        due = len(calls) == number
        if due and first:
            act()
        found = function(*args, **kwargs)
        if due and not first:
            act()
        return found

    return call


def main(workdir: str, number: str, *more: str) -> int:
    """Trains until it is killed."""

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    # The file's content is written, beside its place.
    fsync = os.fsync

    def write_or_die(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if ".npz." in name:
            die()
        fsync(descriptor)

    die = wrapped(lambda: None, int(number), kill, True)
    with few_samples(), mock.patch.object(os, "fsync", write_or_die):
        return train.main(flags(pathlib.Path(workdir), *more))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
