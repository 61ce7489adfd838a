"""Logs evaluations of a classifier: error, confusion matrix, augmented copies."""

from __future__ import annotations

import pathlib
from typing import Mapping, Optional

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.runs import tags
from mixdmt_tf.runs.image_grids import confusion_matrix, grid, matrix_picture
from mixdmt_tf.runs.log import Log, write_numbers
from mixdmt_tf.runs.rows import Row, read_rows
from mixdmt_tf.tasks.classification.scores import Scored

__all__ = ["Recorder", "Row", "read_rows"]


class Recorder(Log):
    """The log of a classification run."""

    def __init__(self, run_folder: pathlib.Path, source: Source, images_per_step: int):
        """Opens the run's files.

        Args:
            run_folder: the run's folder.
            source: the data set, for class names and images.
            images_per_step: labelled and unlabelled images per step, for the speed.
        """
        super().__init__(run_folder, images_per_step)
        self.source = source

    def record(
        self,
        step: int,
        scores: Mapping[str, Scored],
        numbers: Mapping[str, float],
        seconds: float,
        more: Optional[Mapping[str, float]] = None,
    ) -> Row:
        """Writes one evaluation: a CSV row, scalars, a confusion matrix.

        Args:
            step: finished steps.
            scores: from `scoring.evaluate`.
            numbers: the latest mean metrics of training.
            seconds: training time so far, in all sessions together.
            more: further numbers by column name.

        Returns:
            The row.
        """
        row: Row = {"step": step, "seconds": round(seconds, 1)}
        numbers_of = {name: result.numbers for name, result in scores.items()}
        for kind in next(iter(numbers_of.values()), {}):
            row.update({f"{n}_{kind}": each[kind] for n, each in numbers_of.items()})
        row.update(more or {})
        row.update({f"train_{name}": value for name, value in numbers.items()})
        self._add_row(row)
        with self.writing(step):
            for name, found in numbers_of.items():
                write_numbers({tags.number_tag(k, name): v for k, v in found.items()})
            write_numbers({f"{tags.GUESSES}/{k}": v for k, v in (more or {}).items()})
            for name in ("validation", "test"):
                if name in scores:
                    self._write_details(name, scores[name])
        self._writer.flush()
        return row

    def _write_details(self, name: str, result: Scored) -> None:
        """Writes scores per class, and the test set's confusion matrix as an image."""
        names = self.source.class_names
        for kind, values in result.by_class().items():
            known = {c: v for c, v in zip(names, values) if not np.isnan(v)}
            write_numbers({tags.class_tag(kind, name, c): known[c] for c in known})
        images = self.source.test
        one_class = not self.source.several_labels
        if name == "test" and images is not None and one_class:
            predicted = result.probabilities.argmax(-1)
            counts = confusion_matrix(images.labels, predicted, len(names))
            tf.summary.image(
                f"{tags.IMAGES}/confusion, test",
                matrix_picture(counts, names)[None],
                description="Rows: true classes; columns: predicted classes.",
            )

    def show_copies(self, copies: np.ndarray, originals: np.ndarray) -> None:
        """Logs augmented copies: each row has an image and some of its copies.

        Args:
            copies: uint8 [images, copies, H, W, C].
            originals: uint8 [images, H, W, C].
        """
        rows = np.concatenate([originals[:, None], copies], axis=1)
        tiles = rows.reshape((-1,) + rows.shape[2:])
        with self.writing(0):
            tf.summary.image(
                f"{tags.IMAGES}/augmented copies",
                grid(tiles, rows.shape[1])[None],
                description="Each row: an unlabelled image, then augmented copies.",
            )
