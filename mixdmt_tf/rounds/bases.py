"""A run that is given as the base model: `--init_from` of a run in rounds."""

from __future__ import annotations

from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.runs import transfer
from mixdmt_tf.runs.run_folder import read_results
from mixdmt_tf.runs.task import Task


def require_base(task: Task, split: Split) -> None:
    """Refuses a run that cannot be the base model that `init_from` gives.

    Args:
        task: of the run in rounds.
        split: of that run.

    Raises:
        UserError: saying why, and what to give instead.
    """
    run, method = task.experiment.run, task.experiment.method
    if method.models > 1:
        raise UsageError(
            "--init_from gives one base model, and --models=2 needs two.\n"
            "Leave it out, or use --models=1."
        )
    folder = expanded(run.init_from)
    transfer.require_same_network(folder, task.experiment)
    if read_results(folder) is None:
        raise UserError(
            f"--init_from={folder} is not finished: there is no results.json.\n"
            "Run its command to the end first."
        )
    theirs = task.read_split(folder / "split.json")
    if not set(theirs.labeled) <= set(split.labeled):
        raise UserError(
            f"--init_from={folder} knows labels that this run hides.\n"
            "Give it the same --labels, --validation and --seed, or --split="
            f"{folder / 'split.json'} to this one."
        )
    same = set(theirs.validation) == set(split.validation)
    if method.select_on in ("best", "valtiny") and not (
        same and theirs.own_validation == split.own_validation
    ):
        raise UserError(
            f"--select_on={method.select_on}: --init_from={folder} has other "
            "validation images, so that their errors cannot be compared.\nGive "
            f"--split={folder / 'split.json'}, or --select_on=last."
        )
