"""Pseudo labelling shared by the workers of a training: each labels a part.

Parts end at batch boundaries, so the combined pseudo labels are the same as those of a
single process, to the last byte. Parts are files beside the labels. If the chief does
not find a part when all workers have ended, as on a file system that shows new files
late, it computes the part itself.
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
    """Labels all images with the teacher of a stage, unless it was done before.

    Called by the chief; the other workers call `follow`.

    Args:
        of: stages of the run in rounds.
        stage: the stage that learns from the labels.
        workers: all workers; None for a single process.
    """
    parts = workers.number if workers else 1
    if workers and parts > 1 and of.hooks.begin_labels(of, stage):
        workers.hear(f"{of.path}\n{stage.name}")
        of.hooks.guess(of, stage, Part(1, parts))
        workers.hear()  # waits until all workers have done their part
    of.hooks.label(of, stage, parts)


def follow(task: Task, path: pathlib.Path, name: str, workers: Workers) -> None:
    """Labels a part of the images, on a worker that is not the chief.

    Args:
        task: task of the experiment in the folder.
        path: folder of the run in rounds.
        name: name of the stage that learns from the labels.
        workers: all workers.
    """
    of = stages.of_run(task, path, find_split(task, path))
    stage = next(each for each in of.all if each.name == name)
    part = Part(workers.index + 1, workers.number)
    print(f"worker {workers.index} labels part {part} for {name}", flush=True)
    of.hooks.guess(of, stage, part)
    workers.hear()
