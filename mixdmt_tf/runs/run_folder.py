"""The folder of a run: locking, and checks that the settings stay the same."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, Optional, Set

from mixdmt_tf import digests, leases
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import manifests, owners, repair
from mixdmt_tf.runs.experiment import Experiment, parse
from mixdmt_tf.settings import to_text

OURS = {".lock", owners.NAME, digests.NAME}


class RunFolder:
    """An open run folder. Nothing in it is ever deleted or mixed with another run.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: pathlib.Path, experiment: Experiment):
        """Creates the run folder, or reopens it.

        Args:
            path: the folder.
            experiment: settings of the run; a folder that holds another run is refused.

        Raises:
            UserError: if the folder cannot be written, if another process uses it, or
                if it holds something else or a run with other settings.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("a+")
        except OSError as error:
            raise UserError(
                f"--workdir={path} cannot be written: {error.strerror}.\n"
                "Choose another --workdir."
            ) from error
        self._owner = owners.Owner(path, _say)
        try:
            self._owner.take(leases.lock(self._lock, str(path)))
            try:
                self._claim(experiment)
            except UserError:
                self._owner.require()  # another machine may just have begun here
                raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets other processes use the folder."""
        self._owner.release()
        self._lock.close()

    def __enter__(self) -> "RunFolder":
        """Returns the run folder itself."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Closes the folder."""
        self.close()

    def _claim(self, experiment: Experiment) -> None:
        flags = self.path / "flags.txt"
        own = not _has_stages(experiment)
        repair.repair(self.path, experiment.flagfile(), own, _say)
        # Until there is a split, no file depends on settings: a command that was
        # refused may be corrected.
        if flags.exists() and (self.path / "split.json").exists():
            experiment.require_same(_flags(flags), str(self.path))
        elif not flags.exists() and self._others():
            raise UserError(
                f"--workdir={self.path} is not empty and holds no run (no flags.txt).\n"
                "Choose an empty or new folder."
            )
        if own:
            self._require_no_fewer(experiment.run.steps)
        digests.write(flags, experiment.flagfile())

    def _require_no_fewer(self, steps: Optional[int]) -> None:
        """Refuses fewer steps than the run has already, which can't be undone."""
        done = manifests.steps(self.path / "checkpoints")
        if steps is not None and done and done[-1] > steps:
            raise UserError(
                f"{self.path} has {done[-1]:,} steps already; --steps={steps:,} is "
                f"fewer.\nGive --steps={done[-1]} to finish it now, more, or another "
                "--workdir."
            )

    def _others(self) -> Set[str]:
        """Lists files in the folder, except those written before `flags.txt`."""
        names = {each.name for each in self.path.iterdir()} - OURS
        first = tuple(f".{name}." for name in (*OURS, "flags.txt"))
        # Temporary files of a killed process, or of another machine.
        return {n for n in names if not (n.endswith(".tmp") and n.startswith(first))}


def _has_stages(experiment: Experiment) -> bool:
    """Like `Experiment.in_rounds`, but does not import the method."""
    in_rounds = hasattr(experiment.method, "fractions")
    return in_rounds and not experiment.data.pseudo_labels


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _flags(path: pathlib.Path) -> str:
    try:
        return digests.read(path)
    except digests.Damaged:
        raise UserError(
            f"{path} is damaged, and no checkpoint has a copy of it.\nGive the command "
            "as it was when it was last started, or choose another --workdir."
        ) from None


def is_begun(path: pathlib.Path, experiment: Experiment) -> bool:
    """Whether the folder holds this run, begun with known settings."""
    return _begun_with(path, experiment) is not None


def _begun_with(path: pathlib.Path, experiment: Experiment) -> Optional[str]:
    """Returns the flagfile of the run in the folder; None if there is no split yet.

    Until there is a split, no file depends on settings.
    """
    text = repair.intact(path, "flags.txt", not _has_stages(experiment))
    return text if (path / "split.json").exists() else None


def as_started(path: pathlib.Path, experiment: Experiment) -> Experiment:
    """Fills in unset settings with those that the run in the folder was started with.

    Raises:
        UserError: if the run's length was chosen for another `max_minutes`.
    """
    text = _begun_with(path, experiment)
    if text is None:
        return experiment
    run, old = experiment.run, parse(text).get("max_minutes", "none")
    if run.max_minutes is None and old != "none":  # flags.txt has lengths, too
        experiment = experiment.replace({"max_minutes": float(old)})
    elif run.max_minutes is not None and run.steps is None:
        new = to_text(run.max_minutes)
        prolong = not _has_stages(experiment)
        advice = "Give it --steps to prolong it, or choose" if prolong else "Choose"
        if old != new:
            raise UserError(
                f"{path} holds a run that was not given --max_minutes={new}, but {old}."
                f"\n{advice} another --workdir."
            )
        experiment = experiment.with_steps_of(text)
    measured = ("steps_per_execution", "precision")  # measured only once
    open_ = [name for name in measured if getattr(run, name) == "auto"]
    experiment = experiment.taking(open_, text)
    return experiment.as_started(text)


def read_flags(folder: pathlib.Path) -> Dict[str, str]:
    """Reads the settings in a run's `flags.txt`, as text by name.

    Raises:
        Damaged: if the file is damaged.
    """
    path = folder / "flags.txt"
    try:
        return parse(digests.read(path))
    except ValueError:  # a malformed file without a digest
        raise digests.Damaged(path, "it is not a flagfile") from None


def read_results(folder: pathlib.Path) -> Optional[Dict[str, Any]]:
    """Reads the run's `results.json`; None if it does not exist yet.

    Raises:
        Damaged: if the file is damaged.
    """
    path = folder / "results.json"
    return digests.read_json(path) if path.exists() else None


def default_path(experiment: Experiment) -> pathlib.Path:
    """Returns the default of `--workdir`."""
    parts = [experiment.algorithm, experiment.data.dataset]
    labels = experiment.data.labels
    if labels not in (None, ""):
        parts.append(str(labels).replace("/", "_"))
    return pathlib.Path("runs") / "_".join([*parts, f"seed{experiment.run.seed}"])
