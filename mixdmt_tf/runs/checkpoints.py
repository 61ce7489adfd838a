"""Checkpoints that are complete or invisible, and that notice damage.

A checkpoint is a folder `step-00001024` holding TensorFlow's files and a manifest with
the digest of each. It is written beside under another name and renamed at the end.
Restoring takes the newest one whose digests hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
from typing import Any, Callable, Dict, List, Optional

import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import write_atomically

MANIFEST = "manifest.json"


def state(algorithm: Algorithm) -> tf.train.Checkpoint:
    """Everything a run needs to go on: weights, statistics, average, optimizer."""
    optimizer = algorithm.optimizer
    optimizer.build(algorithm.trained_weights)
    peer = {"peer": algorithm.peer} if algorithm.has_peer else {}
    return tf.train.Checkpoint(
        network=algorithm.network,
        average=algorithm.average,
        optimizer=optimizer,
        **peer,
    )


def digest(algorithm: Algorithm) -> str:
    """sha256 over all weights, statistics, averages and optimizer variables."""
    optimizer = algorithm.optimizer.variables
    variables = list(algorithm.network.weights)
    variables += optimizer() if callable(optimizer) else list(optimizer)
    variables += algorithm.peer.weights if algorithm.has_peer else []
    total = hashlib.sha256()
    for variable in map(compat.tf_variable, variables):
        total.update(np.ascontiguousarray(variable.numpy()).tobytes())
    for average in algorithm.average.averages:
        total.update(average.numpy().tobytes())
    return total.hexdigest()


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(
        self,
        folder: pathlib.Path,
        checkpoint: tf.train.Checkpoint,
        split_digest: Optional[str] = None,
        keep: int = 2,
        say: Callable[[str], None] = print,
    ):
        """Opens the folder. Only `save` writes there: others may look on meanwhile.

        Args:
            folder: where they live, made by the first `save`.
            checkpoint: the objects to save, from `state`.
            split_digest: of the run's split; a checkpoint of another one is refused.
                None: whatever there is.
            keep: how many to keep besides the best.
            say: receives warnings.
        """
        self.folder = folder
        self.keep = keep
        self.say = say
        self._checkpoint = checkpoint
        self._split = split_digest
        self._present: Optional[int] = None

    def steps(self) -> List[int]:
        """Steps of the checkpoints that are there, ascending."""
        return sorted(int(path.name[5:]) for path in self.folder.glob("step-*"))

    def save(self, step: int, best: Optional[int] = None) -> pathlib.Path:
        """Saves the present state as that of `step` (the number of finished steps).

        What an interrupted save left behind is removed. The step that was saved or
        restored last is not written again: that state is there.

        Args:
            step: finished steps.
            best: the step whose checkpoint is kept however old it gets.

        Raises:
            UserError: if it cannot be written; the earlier checkpoints stay.
        """
        final = self._path(step)
        if step != self._present:
            self._write(step, final)
            self._present = step
        # Later ones can only be damaged ones that `restore` passed over.
        known = [each for each in self.steps() if each <= step]
        for old in known[: -self.keep]:
            if old != best:
                shutil.rmtree(self._path(old))
        return final

    def _write(self, step: int, final: pathlib.Path) -> None:
        beside = self.folder / f".{final.name}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in self.folder.glob(".*.tmp"):
                shutil.rmtree(leftover)
            beside.mkdir()
            self._checkpoint.write(str(beside / "state"))
            files = {path.name: _digest(path) for path in sorted(beside.iterdir())}
            manifest = {"step": step, "split": self._split, "sha256": files}
            write_atomically(beside / MANIFEST, json.dumps(manifest, indent=1))
            shutil.rmtree(final, ignore_errors=True)
            os.rename(beside, final)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(beside, ignore_errors=True)
            free = shutil.disk_usage(self.folder.parent).free
            raise UserError(
                f"the checkpoint of step {step} could not be written to {self.folder} "
                f"({free / 1e6:,.0f} MB free).\nEarlier checkpoints are intact: make "
                "room and run the same command again."
            ) from error

    def restore(self, step: Optional[int] = None) -> Optional[int]:
        """Restores the newest intact checkpoint, or that of `step`.

        Returns:
            The number of finished steps, None if there is no intact checkpoint.

        Raises:
            UserError: if a checkpoint belongs to another split.
        """
        wanted = self.steps() if step is None else [step]
        for candidate in reversed(wanted):
            manifest = self._intact(self._path(candidate))
            if manifest is None:
                self.say(f"checkpoint step-{candidate:08d} is damaged and is not used")
                continue
            if self._split not in (None, manifest["split"]):
                raise UserError(
                    f"the checkpoints in {self.folder} were trained on another split "
                    "than split.json holds, or other pseudo labels.\nPut the run's own "
                    "back, or choose another --workdir."
                )
            status = self._checkpoint.read(str(self._path(candidate) / "state"))
            status.assert_existing_objects_matched().expect_partial()
            self._present = candidate
            return candidate
        return None

    def _path(self, step: int) -> pathlib.Path:
        return self.folder / f"step-{step:08d}"

    def _intact(self, folder: pathlib.Path) -> Optional[Dict[str, Any]]:
        """The manifest, if every file is as it was written."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            same = all(
                _digest(folder / name) == digest
                for name, digest in manifest["sha256"].items()
            )
        except (OSError, ValueError, KeyError):
            return None
        return manifest if same else None


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
