"""`bin/report`: a page about one run, or about several side by side."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any, List, Mapping, Optional, Sequence

from mixdmt_tf import remote
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import setting
from mixdmt_tf.tasks.classification import several_labels


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    output: str = setting(
        "",
        "the page; default: report.html in the run's folder, of several runs in this "
        "folder",
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )
    images: Optional[int] = setting(
        None,
        "number of unlabelled images, evenly spread, that each network predicts; "
        "default: 10,000, for segmentation 64",
        low=1,
    )
    from_files: bool = setting(
        False,
        "use only the runs' files, not their data and networks: no pictures, and "
        "nothing that needs predictions",
    )
    projector: bool = setting(
        False,
        "of classification: also write each run's features of labelled, unlabelled and "
        "mistaken images for TensorBoard's embedding projector",
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_report, argv)


def command() -> None:
    """The installed command `mixdmt-report`."""
    sys.exit(main(sys.argv[1:]))


def _report(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "report",
        "Writes a page about a run, or about several runs side by side: scores,\n"
        "curves, mistakes, doubts, pseudo labels, rounds. It is one HTML file that\n"
        "needs no network.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.report")],
        arguments=("RUN...",),
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    if config.from_files and config.images is not None:
        raise UsageError(
            f"--from_files uses no network: --images={config.images} has no effect.\n"
            "Leave one of them out."
        )
    if config.from_files and config.projector:
        raise UsageError(
            "--from_files uses no network, but --projector needs one.\n"
            "Leave one of them out."
        )
    runs = [experiments.read_run(name, "") for name in parsed.arguments]
    folders = [folder for folder, _ in runs]
    places = [folder.resolve() for folder in folders]
    for folder in folders:
        if places.count(folder.resolve()) > 1:
            raise UsageError(f"{folder} is given twice; expected different runs")
    output = _output(config, folders)
    names = _names(folders)
    built = [build() for _, build in runs]
    for folder, experiment in zip(folders, built):
        if config.projector and experiment.task != "classification":
            raise UsageError(
                f"--projector: {folder} is a run of {experiment.task}; expected one of "
                "classification"
            )
        if config.projector and several_labels.has(experiment.data.dataset):
            raise UsageError(
                f"--projector: images of {folder} have several labels; expected one "
                "class an image.\nLeave --projector out."
            )

    import keras

    from mixdmt_tf import tasks
    from mixdmt_tf.tasks import reporting

    reported = []
    for folder, name, experiment in zip(folders, names, built):
        keras.backend.clear_session()
        task = tasks.open_run(experiment, config.data_dir)
        limit = 0 if config.from_files else config.images
        title = name if len(folders) > 1 else ""
        reported.append(reporting.describe(task, folder, name, limit, title, _say))
        if config.projector:
            _say(f"{name}: features for TensorBoard")
            _say(f"projector: {reporting.project(task, folder)}")
    try:
        reporting.write(reported, output)
    except OSError as error:
        raise UserError(
            f"--output={output} cannot be written: {error.strerror}"
        ) from error
    print(f"report: {remote.shown(output)}")


def _say(text: str) -> None:
    print(text, flush=True)


def _output(config: Config, folders: List[pathlib.Path]) -> pathlib.Path:
    if config.output:
        output = remote.written(config.output)
        if output.is_dir():
            raise UsageError(
                f"--output={config.output} is a folder; expected the name of a file"
            )
        if not output.parent.is_dir():  # checked before predictions, which take minutes
            raise UserError(
                f"--output={output} cannot be written: there is no folder "
                f"{output.parent}"
            )
        return output
    return (folders[0] if len(folders) == 1 else pathlib.Path()) / "report.html"


def _names(folders: Sequence[pathlib.Path]) -> List[str]:
    """Returns names for the folders, with as many parent folders as needed."""
    parts = [folder.absolute().parts for folder in folders]
    for depth in range(1, max(map(len, parts))):
        names = ["/".join(each[-depth:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]
