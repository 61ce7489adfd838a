"""`bin/suggest_labels`: which unlabelled images to label next."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, List, Mapping, Sequence

from mixdmt_tf import remote
from mixdmt_tf.cli import experiments, flags, judging
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import check, setting, settings_of

NAME = "suggested_labels.csv"


@dataclasses.dataclass(frozen=True)
class Config(judging.Judging):
    """Settings of the command."""

    k: int = setting(50, "images to suggest", low=1, high=10_000)
    by: str = setting(
        "auto",
        "whose disagreement counts; networks: that of the two networks that a run in "
        "rounds ends with; views: that of one network's predictions for shifted and "
        "mirrored images; auto: networks, if there are two",
        choices=("auto", "networks", "views"),
    )
    views: int = setting(8, "views of an image", low=2, high=100)
    candidates: int = setting(
        10,
        "of this many times k images with the most disagreement, at most half of all, "
        "choose the k that are far from all labelled ones and from one another; 1: by "
        "disagreement alone",
        low=1,
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for values that are out of range."""
        check(settings_of(type(self)), self)


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_suggest, argv)


def command() -> None:
    """The installed command `mixdmt-suggest-labels`."""
    sys.exit(main(sys.argv[1:]))


def _suggest(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "suggest_labels",
        "Chooses the unlabelled images whose labels would help most: a CSV file with\n"
        "an empty column for them, and a sheet of pictures. Filled in, it comes back\n"
        "with --labels_csv=FILE of bin/train.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.suggest_labels")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, output, sheet, build = judging.open_output(config, NAME)
    experiment = build()
    import numpy as np

    from mixdmt_tf.tasks.classification import listed_images, strangers, suggestions

    score = strangers.score_name(experiment, config.score)
    share, why = strangers.share_of(experiment, folder, config.strangers)
    task, model, split = judging.open_trained(config, experiment, folder)
    source = task.source
    members = _members(config, experiment, folder)
    if members:
        by = f"{len(members)} networks"
        predictions = suggestions.of_networks(members, config.weights, source, split)
    else:
        by = f"{config.views} views"
        predictions = suggestions.of_views(
            model, config.weights, source, split, config.views, experiment.run.seed
        )
    judged = strangers.judge(model, config.weights, source, split)
    left_out = np.zeros(len(split.unlabeled), bool)
    if share:
        found = strangers.scores(score, judged, folder, source, split)
        left_out = strangers.rejected(found, share)
    chosen = suggestions.suggest(
        predictions,
        judged.rows,
        judged.labeled,
        left_out,
        config.k,
        config.candidates,
    )
    if not len(chosen.places):
        raise UserError(
            f"all {len(left_out):,} unlabelled images count as strangers, {share:.1%} "
            f"{why} and ties, by {score}: none is left to suggest.\nGive a "
            "smaller share, such as --strangers=0, or another --score."
        )
    rows: List[List[str]] = []
    captions = []
    for number, (place, doubt, guess) in enumerate(
        zip(chosen.places, chosen.disagreement, chosen.probabilities), start=1
    ):
        best = int(guess.argmax())
        name = model.class_names[best]
        file = listed_images.name_of(source, split.unlabeled[place])
        rows.append([file, "", name, f"{guess[best]:.4f}", f"{doubt:.4f}"])
        captions.append([f"{number}: {name}? {guess[best]:.2f}", file])
    header = ["file", "label", "guess", "confidence", "disagreement"]
    ids = split.unlabeled[chosen.places]
    with listed_images.together(output, sheet):
        listed_images.write_sheet(sheet, source, task.experiment, ids, captions)
        listed_images.write(output, header, rows, config.raw_names)
    file = remote.shown(output)
    print(f"{len(rows):,} of {len(left_out):,} unlabelled images, by {by}: {file}")
    if share:
        print(f"strangers left out: {left_out.sum():,}, {share:.1%} {why}, by {score}")
    print(f"pictures: {remote.shown(sheet)}")
    if source.names and task.experiment.data.dataset == "folder":
        print(f"fill in the column 'label', then train with --labels_csv={file}")


def _members(config: Config, experiment: Any, folder: Any) -> List[Any]:
    """Loads the networks whose disagreement counts; none if views are used."""
    from mixdmt_tf import tasks
    from mixdmt_tf.runs import trained
    from mixdmt_tf.tasks.classification import suggestions

    folders = suggestions.committee(experiment, folder) if config.by != "views" else []
    if config.by == "networks" and not folders:
        raise UsageError(
            f"--by=networks: {folder} is not a run in rounds with two networks.\n"
            "Use --by=views."
        )
    found = []
    for each in folders:
        own, build = experiments.read_run(str(each))
        found.append(trained.load(tasks.open_task(build()), own, config.checkpoint))
    return found
