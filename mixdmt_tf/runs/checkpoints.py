"""Checkpoints that are complete or invisible, and that notice damage.

A checkpoint is a folder `step-00001024` holding TensorFlow's files, copies of the run's
own small files, and a manifest with the digest of each (`manifests.py`). It is written
beside under another name and renamed at the end. Restoring takes the newest one whose
digests hold. TensorFlow finds variables by the attributes that lead to them, and those
differ between Keras 2 and 3; under `portable` the same variables are found in lists.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import sys
from typing import Any, Callable, Dict, List, Optional

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat, digests
from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import manifests


def state(algorithm: Algorithm) -> tf.train.Checkpoint:
    """Everything a run needs to resume: weights, statistics, average, optimizers.

    And what the method keeps itself, if it does (`own_state` of an algorithm).
    """
    more: Dict[str, Any] = {"peer": algorithm.peer} if algorithm.has_peer else {}
    if algorithm.more_optimizers:
        more["optimizers"] = algorithm.more_optimizers
    if algorithm.own_state:
        more["own"] = algorithm.own_state
    return tf.train.Checkpoint(
        network=algorithm.network,
        average=algorithm.average,
        optimizer=algorithm.optimizer,
        **more,
    )


def variables(algorithm: Algorithm) -> List[tf.Variable]:
    """Of all that `state` holds."""
    found = [*algorithm.network.weights]
    for optimizer in (algorithm.optimizer, *algorithm.more_optimizers.values()):
        found += compat.variables(optimizer)
    found += algorithm.peer.weights if algorithm.has_peer else []
    found += algorithm.average.averages + algorithm.own_variables
    return [*map(compat.tf_variable, found)]


def portable(algorithm: Algorithm) -> Dict[str, Any]:
    """What `state` holds, in lists; without the loss scale of float16."""
    optimizers = {"optimizer": algorithm.optimizer, **algorithm.more_optimizers}
    return {
        **portable_weights(algorithm.network, algorithm.average),
        "peer": [*algorithm.peer.weights] if algorithm.has_peer else [],
        "optimizers": {
            name: compat.optimizer_state(each) for name, each in optimizers.items()
        },
        "own": {name: _own(part) for name, part in algorithm.own_state.items()},
    }


def portable_weights(network: keras.Model, average: MovingAverage) -> Dict[str, Any]:
    """The part of `portable` that predictions need."""
    return {"network": [*network.weights], "average": [*average.averages]}


def _own(part: Any) -> Any:
    held = getattr(part, "weights", None) or getattr(part, "variables", None)
    return [*held] if held else part


def digest(algorithm: Algorithm) -> str:
    """sha256 over all that `state` holds."""
    total = hashlib.sha256()
    for variable in variables(algorithm):
        total.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return total.hexdigest()


def _complain(sentence: str) -> None:
    """Says something where a command that prints data has none."""
    print(sentence, file=sys.stderr, flush=True)


class Checkpoints:
    """The checkpoints of one run.

    Attributes:
        note: what was noted with the checkpoint that was restored; {} at first.
        split: digest of the split that it was trained on, and of its pseudo labels.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        checkpoint: tf.train.Checkpoint,
        split_digest: Optional[str] = None,
        keep: int = 2,
        say: Callable[[str], None] = _complain,
        run_folder: Optional[pathlib.Path] = None,
        portable: Optional[Dict[str, Any]] = None,
    ):
        """Opens the folder. Only `save` writes there: others may look on meanwhile.

        Args:
            folder: where they live, made by the first `save`.
            checkpoint: the objects to save, from `state`.
            split_digest: of the run's split; a checkpoint of another one is refused.
                None: whatever there is.
            keep: how many to keep besides the best.
            say: receives warnings.
            run_folder: of whose small files each checkpoint takes a copy.
            portable: the variables in lists, by which a checkpoint of another version
                of Keras is read.
        """
        self.folder = folder
        self.keep = keep
        self.say = say
        self._run_folder = run_folder
        self._checkpoint = checkpoint
        self._portable = portable
        self._split = split_digest
        self._present: Optional[int] = None
        self.note: Dict[str, Any] = {}
        self.split = split_digest

    def steps(self) -> List[int]:
        """Steps of the checkpoints that are there, ascending."""
        return manifests.steps(self.folder)

    def save(
        self,
        step: int,
        best: Optional[int] = None,
        note: Optional[Dict[str, Any]] = None,
    ) -> pathlib.Path:
        """Saves the present state as that of `step` (the number of finished steps).

        What an interrupted save left behind is removed. The step that was saved or
        restored last is not written again: that state is there.

        Args:
            step: finished steps.
            best: the step whose checkpoint is kept however old it gets.
            note: what JSON can hold and belongs to this state.

        Raises:
            UserError: if it cannot be written; the earlier checkpoints stay.
        """
        final = self._path(step)
        if step != self._present:
            self._write(step, final, note or {})
            self._present = step
        # Later ones can only be damaged ones that `restore` passed over.
        known = [each for each in self.steps() if each <= step]
        for old in known[: -self.keep]:
            if old != best:
                # On network file systems not while another machine reads it.
                shutil.rmtree(self._path(old), ignore_errors=True)
        return final

    def _write(self, step: int, final: pathlib.Path, note: Dict[str, Any]) -> None:
        beside = self.folder / f".{final.name}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in self.folder.glob(".*.tmp"):
                shutil.rmtree(leftover)
            beside.mkdir()
            if self._portable is None:
                written = self._checkpoint
            else:
                written = tf.train.Checkpoint(
                    root=self._checkpoint, portable=self._portable
                )
            written.write(str(beside / "state"))
            self._copy_run_files(beside)
            manifests.write(beside, step, self._split, note, compat.MAJOR)
            shutil.rmtree(final, ignore_errors=True)
            os.rename(beside, final)
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(beside, ignore_errors=True)
            free = shutil.disk_usage(self.folder.parent).free
            earlier = "Earlier checkpoints are intact: make" if self.steps() else "Make"
            raise UserError(
                f"the checkpoint of step {step} could not be written to {self.folder} "
                f"({free / 1e6:,.0f} MB free).\n{earlier} room and run the same "
                "command again."
            ) from error

    def _copy_run_files(self, place: pathlib.Path) -> None:
        """Copies what this state belongs to, so that the checkpoint alone says it."""
        for name in manifests.COPIES if self._run_folder else ():
            source = self._run_folder / name
            if digests.is_sound(source):
                shutil.copyfile(source, place / name)

    def restore(self, step: Optional[int] = None) -> Optional[int]:
        """Restores the newest intact checkpoint, or that of `step`.

        Returns:
            The number of finished steps, None if there is no intact checkpoint, or if
            that of `step` is damaged or missing.

        Raises:
            UserError: if a checkpoint belongs to another split, or lacks something.
        """
        wanted = self.steps() if step is None else [step]
        for candidate in reversed(wanted):
            manifest = manifests.read(self._path(candidate))
            if manifest is None:
                if step is None:
                    name = self._path(candidate).name
                    self.say(f"checkpoint {name} is damaged and is not used")
                continue
            if self._split not in (None, manifest["split"]):
                raise UserError(
                    f"the checkpoints in {self.folder} were trained on another split "
                    "than split.json holds, or other pseudo labels.\nPut the run's own "
                    "back, or choose another --workdir."
                )
            self._read(candidate, manifest.get("keras"))
            self._present = candidate
            self.split = manifest["split"]
            self.note = manifest.get("note", {})
            return candidate
        return None

    def _read(self, step: int, version: Optional[int]) -> None:
        checkpoint = self._checkpoint
        if self._portable is not None and version not in (None, compat.MAJOR):
            checkpoint = tf.train.Checkpoint(portable=self._portable)
        try:
            status = checkpoint.read(str(self._path(step) / "state"))
            status.assert_existing_objects_matched().expect_partial()
        except (AssertionError, ValueError) as error:  # missing, or another shape
            raise UserError(
                f"the checkpoint of step {step} in {self.folder} does not hold all "
                "variables of this method and network.\nIt comes from another version: "
                "use that one, or choose another --workdir."
            ) from error

    def _path(self, step: int) -> pathlib.Path:
        return manifests.path_of(self.folder, step)
