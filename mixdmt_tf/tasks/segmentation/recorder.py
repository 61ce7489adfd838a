"""Logs evaluations of a segmenter: mean IoU, IoU of each class, and images."""

from __future__ import annotations

import pathlib
from typing import Mapping

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.segmentation.source import Source, paint
from mixdmt_tf.runs import tags
from mixdmt_tf.runs.image_grids import grid, matrix_picture
from mixdmt_tf.runs.log import Log, write_numbers
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.tasks.segmentation.results import IOU
from mixdmt_tf.tasks.segmentation.scoring import Score


class Recorder(Log):
    """The log of a segmentation run."""

    measure = "mean IoU"

    def __init__(self, run_folder: pathlib.Path, source: Source, samples_per_step: int):
        """Opens the run's files.

        Args:
            run_folder: the run's folder.
            source: the data set, for class names and colours.
            samples_per_step: labelled and unlabelled images per step, for the speed.
        """
        super().__init__(run_folder, samples_per_step)
        self.source = source

    def record(
        self,
        step: int,
        scores: Mapping[str, Score],
        numbers: Mapping[str, float],
        seconds: float,
    ) -> Row:
        """Writes one evaluation: a CSV row, scalars, a confusion matrix.

        Args:
            step: finished steps.
            scores: from `scoring.evaluate`.
            numbers: the latest mean metrics of training.
            seconds: training time so far, in all sessions together.

        Returns:
            The row.
        """
        row: Row = {"step": step, "seconds": round(seconds, 1)}
        names = self.source.class_names
        row.update({f"{name}_miou": each.miou for name, each in scores.items()})
        for name, each in scores.items():
            if name.endswith("_raw"):
                continue
            row[f"{name}_pixel_accuracy"] = each.pixel_accuracy
            named = zip(names, each.iou_by_class)
            row.update({f"{name}{IOU}{c}": v for c, v in named if not np.isnan(v)})
        row.update({f"train_{name}": value for name, value in numbers.items()})
        self._add_row(row)
        with self.writing(step):
            for name, each in scores.items():
                write_numbers({tags.score_tag(self.measure, name): each.miou})
                if not name.endswith("_raw"):
                    ious = zip(names, each.iou_by_class)
                    known = {c: iou for c, iou in ious if not np.isnan(iou)}
                    write_numbers(
                        {tags.class_tag("IoU", name, c): known[c] for c in known}
                    )
                    tf.summary.image(
                        f"{tags.IMAGES}/confusion, {name}",
                        matrix_picture(each.counts, names)[np.newaxis],
                        description="Of pixels. Rows: true classes; columns: predicted "
                        "classes.",
                    )
        self._writer.flush()
        return row

    def show_batch(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Logs an image with augmented images, each above its label map.

        Args:
            images: float32 [n, h, w, channels] in [-1, 1].
            labels: int32 [n, h, w], 255 where ignored.
        """
        levels = np.rint((images + 1) * 127.5).astype(np.uint8)
        maps = paint(labels.astype(np.uint8), np.asarray(self.source.colours))
        tiles = np.concatenate([seen(levels), maps])
        with self.writing(0):
            tf.summary.image(
                f"{tags.IMAGES}/augmented images",
                grid(tiles, len(levels), 128)[np.newaxis],
                description="Images of a batch above, their labels or pseudo labels "
                "below; white is ignored.",
            )
