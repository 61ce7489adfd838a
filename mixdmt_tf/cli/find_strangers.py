"""`bin/find_strangers`: which unlabelled images look like none of the classes."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf import remote
from mixdmt_tf.cli import flags, judging
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import setting

NAME = "strangers.csv"


@dataclasses.dataclass(frozen=True)
class Config(judging.Judging):
    """Settings of the command."""

    pictures: int = setting(
        96, "images on the sheet, the strangest first", low=1, high=1000
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_find, argv)


def command() -> None:
    """The installed command `mixdmt-find-strangers`."""
    sys.exit(main(sys.argv[1:]))


def _find(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "find_strangers",
        "Lists the unlabelled images that the run's mask rejects, as they look least\n"
        "like any class, the strangest first: a CSV file and a sheet of pictures.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.find_strangers")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, output, sheet, build = judging.open_output(config, NAME)
    experiment = build()
    import numpy as np

    from mixdmt_tf.tasks.classification import listed_images, strangers

    name = strangers.score_name(experiment, config.score)
    share, why = strangers.share_of(experiment, folder, config.strangers)
    if not share and config.strangers is not None:
        raise UsageError("--strangers=0 lists none: expected a percentage above 0")
    if not share:
        raise UserError(
            f"the run in {folder} masks no images: its --ood_rate is 0.\n"
            "Give the percentage of images to list, such as --strangers=10."
        )
    task, model, split = judging.open_trained(config, experiment, folder)
    judged = strangers.judge(model, config.weights, task.source, split)
    found = strangers.scores(name, judged, folder, task.source, split)
    places = np.flatnonzero(strangers.rejected(found, share))
    places = places[np.argsort(found[places], kind="stable")]
    probabilities = strangers.probabilities(judged, places)
    rows, captions = [], []
    for place, guess in zip(places, probabilities):
        best = int(guess.argmax())
        words = [f"{found[place]:.4g}", model.class_names[best], f"{guess[best]:.4f}"]
        file = listed_images.name_of(task.source, split.unlabeled[place])
        rows.append([file, *words])
        captions.append([f"{name} {words[0]}", f"{words[1]} {guess[best]:.2f}", file])
    header = ["file", name, "guess", "confidence"]
    shown = split.unlabeled[places[: config.pictures]]
    few = captions[: config.pictures]
    with listed_images.together(output, sheet):
        listed_images.write(output, header, rows, config.raw_names)
        if few:
            listed_images.write_sheet(sheet, task.source, task.experiment, shown, few)
    number = f"{len(rows):,} of {len(found):,} unlabelled images"
    print(f"{number}, {share:.1%} {why}: {remote.shown(output)}")
    if few:
        print(f"{len(few):,} pictures: {remote.shown(sheet)}")
    truth = strangers.describe_truth(task.source, split, places)
    if truth:
        print(truth)
