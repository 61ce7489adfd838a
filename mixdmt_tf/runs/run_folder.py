"""The folder of one run: who may write there, and under which settings."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import socket
import time
from typing import Any, Dict, Optional

from mixdmt_tf.errors import UserError
from mixdmt_tf.files import write_atomically
from mixdmt_tf.runs.experiment import Experiment, parse
from mixdmt_tf.settings import to_text


class RunFolder:
    """An open run folder. Nothing in it is ever deleted or mixed with another run.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: pathlib.Path, experiment: Experiment):
        """Creates the run folder, or reopens it.

        Args:
            path: where.
            experiment: the run; a folder that holds another one is refused.

        Raises:
            UserError: if it cannot be written, another process uses it, it holds
                something else, or a run with other settings.
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
        try:
            self._take_lock()
            self._claim(experiment)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Lets other processes use the folder."""
        self._lock.close()

    def __enter__(self) -> "RunFolder":
        """Returns itself."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Closes the folder."""
        self.close()

    def _take_lock(self) -> None:
        """Takes a lock that the kernel frees when the process ends, however it ends."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.seek(0)
            owner = self._lock.read().strip() or "another process"
            raise UserError(
                f"{self.path} is in use by {owner}.\n"
                "Wait for it, stop it, or choose another --workdir."
            ) from error
        self._lock.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        self._lock.write(
            f"process {os.getpid()} on {socket.gethostname()} since {since}"
        )
        self._lock.flush()

    def _claim(self, experiment: Experiment) -> None:
        flags = self.path / "flags.txt"
        if flags.exists():
            # Until there is a split, nothing has been made that depends on settings:
            # a command that was refused may be put right.
            if (self.path / "split.json").exists():
                text = flags.read_text(encoding="utf-8")
                experiment.require_same(text, str(self.path))
        elif any(each.name != ".lock" for each in self.path.iterdir()):
            raise UserError(
                f"--workdir={self.path} is not empty and holds no run (no flags.txt).\n"
                "Choose an empty or new folder."
            )
        write_atomically(flags, experiment.flagfile())


def as_started(path: pathlib.Path, experiment: Experiment) -> Experiment:
    """The experiment as its run folder has it, where settings are left open.

    Until there is a split nothing has been made that depends on settings.

    Raises:
        UserError: if its length was chosen for another `max_minutes`.
    """
    flags = path / "flags.txt"
    if not (path / "split.json").exists() or not flags.exists():
        return experiment
    text = flags.read_text(encoding="utf-8")
    run = experiment.run
    if run.max_minutes is not None and run.steps is None:
        old, new = parse(text).get("max_minutes", "none"), to_text(run.max_minutes)
        if old != new:
            raise UserError(
                f"{path} holds a run that was not given --max_minutes={new}, but {old}."
                "\nGive it --steps to prolong it, or choose another --workdir."
            )
        experiment = experiment.with_steps_of(text)
    return experiment.as_started(text)


def read_results(folder: pathlib.Path) -> Optional[Dict[str, Any]]:
    """The run's `results.json`, None while there is none."""
    path = folder / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def default_path(experiment: Experiment) -> pathlib.Path:
    """Where a run goes that was given no `--workdir`."""
    parts = [experiment.algorithm, experiment.data.dataset]
    labels = experiment.data.labels
    if labels not in (None, ""):
        parts.append(str(labels).replace("/", "_"))
    return pathlib.Path("runs") / "_".join([*parts, f"seed{experiment.run.seed}"])
