"""Checkpoints that are written atomically and detect damage.

A checkpoint is a folder `step-00001024` with TensorFlow's files, copies of the run's
own small files, and a manifest with the digest of each file (`manifests.py`). It is
written under a temporary name and renamed at the end. Restoring takes the newest
checkpoint whose digests match. TensorFlow finds variables by the attributes that lead
to them, which differ between Keras 2 and 3. `portable` therefore holds the same
variables in lists.
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
from mixdmt_tf.files import sync
from mixdmt_tf.runs import manifests


def state(algorithm: Algorithm) -> tf.train.Checkpoint:
    """Returns everything a run needs to resume, as a `tf.train.Checkpoint`.

    It holds weights, running statistics, EMA weights and optimizers, and the method's
    own variables if it has any (`own_state` of an algorithm).
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
    """Lists all variables that `state` holds."""
    found = [*algorithm.network.weights]
    for optimizer in (algorithm.optimizer, *algorithm.more_optimizers.values()):
        found += compat.variables(optimizer)
    found += algorithm.peer.weights if algorithm.has_peer else []
    found += algorithm.average.averages + algorithm.own_variables
    return [*map(compat.tf_variable, found)]


def portable(algorithm: Algorithm) -> Dict[str, Any]:
    """Returns what `state` holds as lists, without the loss scale of float16."""
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
    """Returns the part of `portable` that predictions need."""
    return {"network": [*network.weights], "average": [*average.averages]}


def _own(part: Any) -> Any:
    held = getattr(part, "weights", None) or getattr(part, "variables", None)
    return [*held] if held else part


def digest(algorithm: Algorithm) -> str:
    """Returns the SHA-256 digest of all variables that `state` holds."""
    total = hashlib.sha256()
    for variable in variables(algorithm):
        total.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return total.hexdigest()


def _complain(sentence: str) -> None:
    """Prints to standard error, since standard output may be a command's data."""
    print(sentence, file=sys.stderr, flush=True)


class Checkpoints:
    """The checkpoints of one run.

    Attributes:
        note: the note of the checkpoint that was restored; {} before.
        split: digest of the split, and of the pseudo labels, that it was trained on.
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
        """Opens the folder; only `save` writes to it.

        Args:
            folder: folder of the checkpoints, created by the first `save`.
            checkpoint: the objects to save, from `state`.
            split_digest: digest of the run's split; checkpoints of another split are
                refused. None accepts any.
            keep: number of checkpoints to keep besides the best.
            say: receives warnings.
            run_folder: the run's folder; its small files are copied to each checkpoint.
            portable: the variables in lists, to read checkpoints of another major
                version of Keras.
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
        """Returns the steps of the existing checkpoints, ascending."""
        return manifests.steps(self.folder)

    def save(
        self,
        step: int,
        best: Optional[int] = None,
        note: Optional[Dict[str, Any]] = None,
    ) -> pathlib.Path:
        """Saves the current state as the checkpoint of `step`.

        Removes leftovers of interrupted saves. Does not write the step that was saved
        or restored last again, since that state is already there.

        Args:
            step: number of finished steps.
            best: step of the best checkpoint, which is always kept.
            note: data to store with the checkpoint; must be serializable as JSON.

        Raises:
            UserError: if it cannot be written; earlier checkpoints stay.
        """
        final = self._path(step)
        if step != self._present:
            self._write(step, final, note or {})
            self._present = step
        # Later checkpoints are damaged ones that `restore` skipped.
        known = [each for each in self.steps() if each <= step]
        for old in known[: -self.keep]:
            if old != best:
                # On network file systems this fails while another machine reads it.
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
            for each in beside.iterdir():
                sync(each)
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
        """Copies the run's small files, to make the checkpoint self-contained."""
        for name in manifests.COPIES if self._run_folder else ():
            source = self._run_folder / name
            if digests.is_sound(source):
                shutil.copyfile(source, place / name)

    def restore(self, step: Optional[int] = None) -> Optional[int]:
        """Restores the newest intact checkpoint, or the one of `step`.

        Returns:
            The number of finished steps; None if there is no intact checkpoint, or if
            the one of `step` is damaged or missing.

        Raises:
            UserError: if a checkpoint belongs to another split or lacks variables.
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
        except (AssertionError, ValueError) as error:  # missing or of another shape
            raise UserError(
                f"the checkpoint of step {step} in {self.folder} does not hold all "
                "variables of this method and network.\nIt comes from another version: "
                "use that one, or choose another --workdir."
            ) from error

    def _path(self, step: int) -> pathlib.Path:
        return manifests.path_of(self.folder, step)
