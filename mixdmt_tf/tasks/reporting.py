"""Reports of runs: `RUN/report.html` at a run's end, and what `bin/report` writes."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any, Callable, List, Optional, Sequence, Tuple

from mixdmt_tf.data.image_files import printable
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import write_atomically
from mixdmt_tf.report import overview, page
from mixdmt_tf.report.page import Page, Section
from mixdmt_tf.report.run import Run
from mixdmt_tf.runs import results, splits, trained
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.runs.run_folder import read_results
from mixdmt_tf.runs.task import Task

NAME = "report.html"

Reported = Tuple[Run, List[Section]]


def after_training(task: Task, folder: pathlib.Path) -> None:
    """Writes the report of a run that has just ended; a failure is only printed.

    It uses few unlabelled images, so that it takes only seconds.

    Args:
        task: of the run, with its data.
        folder: of the run.
    """
    try:
        limit = of_task(task).AT_THE_END
        write([describe(task, folder, folder.name, limit)], folder / NAME)
    except Exception as error:  # the run itself has succeeded
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        print(f"{NAME} was not written: {what}", flush=True)
        print(f"bin/report {folder} tries again", flush=True)


def of_task(task: Task) -> Any:
    """Returns the module with the sections of a task: `tasks/<task>/report.py`."""
    return importlib.import_module(f"mixdmt_tf.tasks.{task.experiment.task}.report")


def describe(
    task: Task,
    folder: pathlib.Path,
    name: str,
    limit: Optional[int],
    title: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> Reported:
    """Returns a run and the sections of the page that are about this run alone.

    Args:
        task: of the run.
        folder: of the run.
        name: name of the run on the page; bytes that are not text are escaped.
        limit: number of unlabelled images for predictions; 0 for no predictions at all,
            so that neither data nor network are needed.
        title: above each block, if the page is about several runs.
        say: receives messages about what takes time.

    Raises:
        UserError: if there is nothing to report yet, or data or network are missing.
    """
    name, title = printable(name), printable(title)
    run = _run(task, folder, name)
    module = of_task(task)
    sections: List[Section] = module.of_rounds(run, title)
    if limit != 0:
        say(f"{name}: asking the network")
        model, split = _network(task, folder)
        sections += module.observe(task, run, model, split, limit, title)
    return run, sections


def _network(task: Task, folder: pathlib.Path) -> Tuple[trained.Trained, Split]:
    """Loads the network that is a run's result, and its split."""
    model = trained.load(task, folder, "result")
    return model, splits.trained_on(task, folder, model)


def project(task: Task, folder: pathlib.Path) -> pathlib.Path:
    """Writes features of a classifier for TensorBoard's embedding projector.

    Returns:
        The configuration file that TensorBoard reads.

    Raises:
        UserError: if data or network are missing.
    """
    from mixdmt_tf.tasks.classification import findings, projector

    model, split = _network(task, folder)
    found = findings.collect(task, folder, model, split, [], 1)
    return projector.write(folder, model, split, found)


def _run(task: Task, folder: pathlib.Path, name: str) -> Run:
    rows = read_rows(folder)
    found = read_results(folder)
    if found is not None:
        return Run(name, folder, task.experiment, found, rows)
    if not rows or task.experiment.in_rounds:
        what = "no finished stages' result" if rows else "no evaluation"
        raise UserError(
            f"{folder} has {what} yet: there is nothing to report.\n"
            "Run the command that made the folder again; a stage of a run in rounds "
            "has a report of its own: bin/report RUN/base"
        )
    split = task.read_split(folder / "split.json")
    so_far = results.summarize(task, rows, split)
    return Run(name, folder, task.experiment, so_far, rows, finished=False)


def write(reported: Sequence[Reported], output: pathlib.Path) -> None:
    """Writes one page about all runs.

    Args:
        reported: from `describe`.
        output: the file.
    """
    runs = [run for run, _ in reported]
    own = [section for _, sections in reported for section in sections]
    shown = Page(
        overview.title(runs),
        overview.subtitle(runs),
        page.merged([*overview.sections(runs), *own]),
    )
    write_atomically(output, page.html(shown))
