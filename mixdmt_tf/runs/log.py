"""The log of a training run: TensorBoard event files and `metrics.csv`."""

from __future__ import annotations

import csv
import io
import pathlib
import time
from typing import Any, ContextManager, List, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary import scalar_pb

from mixdmt_tf import digests
from mixdmt_tf.runs import dashboards, tags
from mixdmt_tf.runs.rows import Row, read_rows


def write_numbers(numbers: Mapping[str, float]) -> None:
    """Writes numbers by tag with the default summary writer, at the default step.

    Equivalent to calling `tf.summary.scalar` for each, but in one operation.
    """
    point = Summary()
    for tag, value in numbers.items():
        point.MergeFrom(scalar_pb(tag, value))
    tf.summary.experimental.write_raw_pb(point.SerializeToString())


class Log:
    """TensorBoard's event files and one CSV row per evaluation.

    The CSV file is rewritten as a whole, so no step appears twice after a resumption.

    Attributes:
        measure: the main score, as in tags: 'error' or 'mean IoU'.
        folder: the run's folder.
        rows: the evaluations so far, ascending by step.
    """

    measure = "error"

    def __init__(self, run_folder: pathlib.Path, images_per_step: int):
        """Opens the run's files.

        Args:
            run_folder: the run's folder.
            images_per_step: labelled and unlabelled images of a step, for the speed.
        """
        self._images_per_step = images_per_step
        self.folder = run_folder
        self._csv = run_folder / "metrics.csv"
        # TensorBoard names a run after the folder of its event files.
        self._writer = tf.summary.create_file_writer(str(run_folder))
        self._clock = (0, time.monotonic())
        self.rows: List[Row] = []

    def read_rows(self, until: int) -> None:
        """Takes over the evaluations of an earlier session up to step `until`."""
        rows = read_rows(self._csv.parent)
        self.rows = [row for row in rows if row["step"] <= until]

    def start_clock(self, step: int) -> None:
        """Starts measuring the speed."""
        self._clock = (step, time.monotonic())

    def writing(self, step: int) -> ContextManager:
        """Returns the context in which event files are written for a step."""
        # TensorFlow caches a tensor of every Python number that it is given, forever.
        return self._writer.as_default(np.int64(step))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes the mean numbers of the training steps, and the speed."""
        last, then = self._clock
        self._clock = (step, time.monotonic())
        speed = (step - last) * self._images_per_step / (time.monotonic() - then)
        shown = {**numbers, "images_per_second": speed}
        with self.writing(step):
            write_numbers({tags.step_tag(name): value for name, value in shown.items()})

    def _add_row(self, row: Row) -> None:
        """Adds the row of one evaluation and drops rows of the same or later steps."""
        self.rows = [old for old in self.rows if old["step"] < row["step"]] + [row]
        self._write_csv()

    def _write_csv(self) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        digests.write(self._csv, text.getvalue())

    def show_settings(self, configs: Sequence[Any]) -> None:
        """Writes the run's settings and the layout of charts to TensorBoard.

        Args:
            configs: dataclasses of settings; the last one is the method's.
        """
        parts = self.folder.absolute().parts
        within = (self.folder.parent / "flags.txt").exists()  # a stage within a run
        name = "/".join(parts[-2:] if within else parts[-1:])
        with self.writing(0):
            dashboards.write_layout()
            dashboards.write_settings(configs, name, self.measure)

    def show_end(self) -> None:
        """Marks the run as finished successfully in TensorBoard."""
        with self.writing(0):
            dashboards.write_end()

    def close(self) -> None:
        """Flushes the event file."""
        self._writer.close()
