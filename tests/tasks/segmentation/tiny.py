"""One run on images that takes seconds: 48x48 digits, a tiny network, eight steps."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import pathlib
import shutil
from typing import Any, Dict, List

from mixdmt_tf import digests
from mixdmt_tf.cli import experiments, train
from mixdmt_tf.data.segmentation import datasets, splits
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.runs.experiment import Experiment

STEPS = 8
UNLABELED = 40  # of 380, which take a while
FLAGS = (
    "--dataset=digit_scenes",
    "--network=small_segmenter",
    "--width=4",
    "--depth=1",
    "--precision=float32",
    "--labels=1/20",
    "--batch=2",
)
FINISHED = (
    "--algorithm=supervised",
    "--learning_rate=0.05",
    "--ema_decay=0.5",
    "--noema_warmup",
    "--report=false",
    "--checkpoint_every=500",
    f"--steps={STEPS}",
    "--eval_every=4",
    "--log_every=4",
    "--noexport",
)


def flags(workdir: pathlib.Path, *more: str) -> List[str]:
    """The command line of a tiny run."""
    return [*FLAGS, *more, f"--workdir={workdir}"]


def experiment(workdir: pathlib.Path, *more: str) -> Experiment:
    """A tiny run's settings."""
    return experiments.build(experiments.parse(flags(workdir, *more), "train", ""))


@dataclasses.dataclass(frozen=True)
class Finished:
    """A run folder that nobody may change."""

    folder: pathlib.Path

    @property
    def results(self) -> Dict[str, Any]:
        """What `results.json` holds."""
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8"))


_finished: List[Finished] = []


def finished(tmp_path_factory) -> Finished:
    """Supervised learning, trained once per process; 20 labels, 40 images without."""
    if not _finished:
        folder = tmp_path_factory.mktemp("scenes") / "run"
        split = splits.make_split(
            datasets.load(experiment(folder).data), "1/20", seed=1
        )
        split = dataclasses.replace(split, unlabeled=split.unlabeled[:UNLABELED])
        file = folder.parent / "split.json"
        write_split(file, split)
        assert train.main(flags(folder, *FINISHED, f"--split={file}")) == 0
        _finished.append(Finished(folder))
    return _finished[0]


def best_before(run: Finished, place: pathlib.Path) -> Finished:
    """A copy whose log says that the last evaluation was the worst."""
    copy = Finished(pathlib.Path(shutil.copytree(run.folder, place)))
    with (place / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[-1]["validation_miou"] = "0.0"
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    digests.write(place / "metrics.csv", text.getvalue())
    return copy
