"""What a run writes while it goes on: TensorBoard and metrics.csv."""

from __future__ import annotations

import csv
import dataclasses
import io
import pathlib
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from mixdmt_tf.data.source import Source
from mixdmt_tf.experiments.evaluation import Score
from mixdmt_tf.experiments.pictures import confusion_matrix, grid, matrix_picture
from mixdmt_tf.files import write_atomically

Row = Dict[str, float]


def read_rows(run_folder: pathlib.Path) -> List[Row]:
    """The evaluations of a run so far, ascending by step."""
    path = run_folder / "metrics.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {
                name: int(float(value)) if name == "step" else float(value)
                for name, value in row.items()
                if value
            }
            for row in csv.DictReader(file)
        ]


class Recorder:
    """TensorBoard's event files and one CSV row per evaluation.

    The rows are rewritten as a whole, so after a resumption no step is there twice.

    Attributes:
        rows: the evaluations so far, ascending by step.
    """

    def __init__(self, run_folder: pathlib.Path, source: Source, images_per_step: int):
        """Opens the run's files.

        Args:
            run_folder: the run's folder.
            source: the data set, for class names and pictures.
            images_per_step: labelled and unlabelled images of a step, for the speed.
        """
        self.source = source
        self._images_per_step = images_per_step
        self._csv = run_folder / "metrics.csv"
        self._writer = tf.summary.create_file_writer(str(run_folder / "tensorboard"))
        self._clock = (0, time.monotonic())
        self.rows: List[Row] = []

    def read_rows(self, until: int) -> None:
        """Takes over the evaluations of an earlier session up to step `until`."""
        rows = read_rows(self._csv.parent)
        self.rows = [row for row in rows if row["step"] <= until]

    def start_clock(self, step: int) -> None:
        """The speed is measured from here."""
        self._clock = (step, time.monotonic())

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes the means of the training step and the speed."""
        last, then = self._clock
        self._clock = (step, time.monotonic())
        speed = (step - last) * self._images_per_step / (time.monotonic() - then)
        with self._writer.as_default(step):
            for name, value in numbers.items():
                tf.summary.scalar(f"train/{name}", value)
            tf.summary.scalar("train/images_per_second", speed)

    def record(
        self,
        step: int,
        scores: Mapping[str, Score],
        numbers: Mapping[str, float],
        seconds: float,
        more: Optional[Mapping[str, float]] = None,
    ) -> Row:
        """Writes one evaluation: a CSV row, scalars, a confusion matrix.

        Args:
            step: finished steps.
            scores: from `evaluation.evaluate`.
            numbers: the latest means of the training step.
            seconds: training time so far, all sessions together.
            more: further numbers by their column's name.

        Returns:
            The row.
        """
        row: Row = {"step": step, "seconds": round(seconds, 1)}
        row.update({f"{name}_error": result.error for name, result in scores.items()})
        fine = {f"{n}_fine_grained": each.fine_grained for n, each in scores.items()}
        row.update(fine)
        row.update(more or {})
        row.update({f"train_{name}": value for name, value in numbers.items()})
        self.rows = [old for old in self.rows if old["step"] < step] + [row]
        self._write_csv()
        with self._writer.as_default(step):
            for name, result in scores.items():
                tf.summary.scalar(f"error/{name}", result.error)
                tf.summary.scalar(f"fine_grained/{name}", result.fine_grained)
            for name, value in (more or {}).items():
                tf.summary.scalar(f"unlabeled/{name}", value)
            for name in ("validation", "test"):
                if name in scores:
                    self._write_details(name, scores[name])
        self._writer.flush()
        return row

    def _write_details(self, name: str, result: Score) -> None:
        """Accuracy per class, and the confusion matrix of the test set as a picture."""
        names = self.source.class_names
        for class_name, accuracy in zip(names, result.accuracy_by_class):
            if not np.isnan(accuracy):
                tf.summary.scalar(f"accuracy_{name}/{class_name}", accuracy)
        images = self.source.test
        if name == "test" and images is not None:
            predicted = result.probabilities.argmax(-1)
            counts = confusion_matrix(images.labels, predicted, len(names))
            tf.summary.image("confusion/test", matrix_picture(counts)[None])

    def _write_csv(self) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self._csv, text.getvalue())

    def show_copies(self, copies: np.ndarray, originals: np.ndarray) -> None:
        """A picture of augmented copies: each row an image, then some of its copies.

        Args:
            copies: uint8 [images, copies, H, W, C].
            originals: uint8 [images, H, W, C].
        """
        rows = np.concatenate([originals[:, None], copies], axis=1)
        tiles = rows.reshape((-1,) + rows.shape[2:])
        with self._writer.as_default(0):
            tf.summary.image("copies", grid(tiles, rows.shape[1])[None])

    def show_hyper_parameters(
        self, configs: Sequence[Any], algorithm: str, dataset: str
    ) -> None:
        """The run's settings, for TensorBoard's HPARAMS page."""
        values: Dict[str, Any] = {"algorithm": algorithm, "dataset": dataset}
        for config in configs:
            values.update(dataclasses.asdict(config))
        for name in ("workdir", "data_dir", "cache_dir", "split"):
            values.pop(name, None)
        with self._writer.as_default(0):
            hparams.hparams(
                {name: "none" if v is None else v for name, v in values.items()}
            )

    def close(self) -> None:
        """Flushes the event file."""
        self._writer.close()
