"""Labelling that the workers of a training share: each asks about a part of the images.

A part ends where passes through the network do, so what comes of all parts is what one
process makes, to the last byte. Parts are files beside the labels; what the chief does
not find when all have ended, as on a file system that shows new files late, it makes.
"""

from __future__ import annotations

import pathlib
from typing import Optional

from mixdmt_tf.data.part import Part
from mixdmt_tf.rounds import stages
from mixdmt_tf.rounds.plan import Stage
from mixdmt_tf.runs.splits import find_split
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.workers import Workers


def label(of: stages.Stages, stage: Stage, workers: Optional[Workers]) -> None:
    """Has the teacher of a stage label all images, unless it was done; on the chief.

    Args:
        of: the run in rounds.
        stage: that learns from the labels.
        workers: all of them, of which the others `follow`; None: this one alone.
    """
    parts = workers.number if workers else 1
    if workers and parts > 1 and of.hooks.begin_labels(of, stage):
        workers.hear(f"{of.path}\n{stage.name}")
        of.hooks.guess(of, stage, Part(1, parts))
        workers.hear()  # which waits until all have done their part
    of.hooks.label(of, stage, parts)


def follow(task: Task, path: pathlib.Path, name: str, workers: Workers) -> None:
    """Does a part of the labelling that the chief has begun; on the others.

    Args:
        task: of the experiment in the folder.
        path: of the run in rounds.
        name: of the stage that learns from the labels.
        workers: all of them.
    """
    of = stages.of_run(task, path, find_split(task, path))
    stage = next(each for each in of.all if each.name == name)
    part = Part(workers.index + 1, workers.number)
    print(f"worker {workers.index} labels part {part} for {name}", flush=True)
    of.hooks.guess(of, stage, part)
    workers.hear()
