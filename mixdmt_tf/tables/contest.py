"""Runs of several methods with the same training time, and their ranking.

This module does not import TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import statistics
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from mixdmt_tf import bounds, digests
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import write_atomically
from mixdmt_tf.runs.rows import read_numbers
from mixdmt_tf.settings import flagfile
from mixdmt_tf.tables.cells import changed, read_finished

Curve = List[Tuple[float, float]]
_AGAIN = "Give the flags that the comparison was started with, or another --workdir."


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One method of a comparison: the same command with several seeds.

    It has the attributes and methods of `Cell` that `running.execute` uses.

    Attributes:
        name: name of the method.
        flags: flags of the training command, without seed and folder.
        folder: folder that holds the run folders.
        minutes: duration of one run.
        settings: settings that the results depend on, as text by flag.
    """

    name: str
    flags: Tuple[str, ...]
    folder: pathlib.Path
    minutes: float
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)

    column = ""
    first = None
    steps = None

    @property
    def row(self) -> "Contestant":
        """The object with the name, as for `Cell`; here the contestant itself."""
        return self

    @property
    def seconds(self) -> float:
        """Expected duration of a run in seconds."""
        return 60 * self.minutes

    def run_folder(self, seed: int) -> pathlib.Path:
        """Returns the run folder of a seed."""
        return self.folder / f"{self.name}-seed{seed}"

    def command(self, seed: int) -> List[str]:
        """Returns the arguments of the training command."""
        return [*self.flags, f"--seed={seed}", f"--workdir={self.run_folder(seed)}"]

    def results(self, seed: int) -> Optional[Dict[str, Any]]:
        """Reads `results.json` of a finished run; None if it is not finished."""
        return read_finished(self.run_folder(seed))

    def finished(self) -> Dict[int, Dict[str, Any]]:
        """Reads the results of all finished runs, by seed."""
        prefix = f"{self.name}-seed"
        seeds = sorted(
            int(path.name[len(prefix) :])
            for path in self.folder.glob(f"{prefix}*")
            if path.name[len(prefix) :].isdigit()
        )
        results = {seed: self.results(seed) for seed in seeds}
        return {seed: each for seed, each in results.items() if each is not None}

    def require_same(self) -> None:
        """Checks that finished runs have the same settings, so that all can be ranked.

        A run records the values that it chose for unset settings, so the settings as
        given are compared as well.

        Raises:
            UsageError: if a setting differs; the message names it.
        """
        given = self._noted() if self.finished() else {}
        for name, value in self.settings.items():
            if given.get(name, value) != value:
                raise UsageError(
                    f"{self.folder} has finished runs of {self.name} with "
                    f"--{name}={given[name]}, not {value}.\n{_AGAIN}"
                )
        for seed, results in self.finished().items():
            name = changed(results, self.settings)
            if name:
                raise UsageError(
                    f"{self.run_folder(seed)} is a finished run with "
                    f"--{name}={results['flags'][name]}, not {self.settings[name]}.\n"
                    f"{_AGAIN}"
                )

    def note(self) -> None:
        """Stores the settings as given, for `require_same`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._given, flagfile([(self.name, self.settings)]))

    def _noted(self) -> Dict[str, str]:
        """Reads the settings as given before; {} if unknown."""
        try:
            text = bounds.read_text(self._given, bounds.TEXT_BYTES)
        except (OSError, ValueError):
            return {}
        lines = [line[2:] for line in text.splitlines() if line.startswith("--")]
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def _given(self) -> pathlib.Path:
        return self.folder / f"{self.name}.flags"

    def steps_done(self, seed: int) -> int:
        """Returns 0, since runs are measured in minutes."""
        del seed
        return 0

    def title(self, _: Any, seed: int) -> str:
        """Names a run in messages."""
        return f"{self.name}, seed {seed}"

    def curve(self, seed: int, measure: str) -> Curve:
        """Returns the curve of a run: pairs of training seconds and measured values.

        Args:
            seed: seed of the run.
            measure: column of `metrics.csv` or, for a run in rounds, of `rounds.csv`.
                There the seconds of the stages add up. Base models have no points, but
                their time counts.

        Raises:
            Damaged: if the file is damaged.
        """
        folder = self.run_folder(seed)
        path = folder / "rounds.csv"
        stages = read_numbers(path, ("seconds", measure))
        try:
            if not stages:
                path = folder / "metrics.csv"
                rows = read_numbers(path, ("seconds", measure))
                return [(r["seconds"], r[measure]) for r in rows if measure in r]
            seconds = sum(each["seconds"] for each in stages)
            whole = (self.results(seed) or {}).get("seconds", seconds)
            begun, points = whole - seconds, []
            for row in stages:
                begun += row["seconds"]
                if measure in row:
                    points.append((begun, row[measure]))
            return points
        except KeyError:
            raise digests.Damaged(path, "it has rows without seconds") from None

    def curves(self, measure: str) -> Tuple[List[Curve], List[digests.Damaged]]:
        """Returns the curves of all finished runs, and errors about damaged files."""
        found, damaged = [], []
        for seed in self.finished():
            try:
                found.append(self.curve(seed, measure))
            except digests.Damaged as error:
                damaged.append(error)
        return found, damaged


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean with its 95 % confidence interval, by Student's t.

    Attributes:
        mean: mean of n values.
        half: half the width; None for a single value.
        n: number of values.
        deviation: sample standard deviation; None for a single value.
    """

    mean: float
    half: Optional[float]
    n: int
    deviation: Optional[float] = None

    def __str__(self) -> str:
        return f"{self.mean:.2f}" + ("" if self.half is None else f" ± {self.half:.2f}")

    @property
    def excludes_zero(self) -> bool:
        """Whether the difference is significant; equal differences tell nothing."""
        return bool(self.half) and abs(self.mean) > (self.half or 0.0)


def interval(values: Sequence[float]) -> Interval:
    """Computes the mean and 95 % interval of at least one value."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Interval(mean, None, len(values))
    from scipy.stats import t

    deviation, n = statistics.stdev(values), len(values)
    half = float(t.ppf(0.975, n - 1)) * deviation / math.sqrt(n)
    return Interval(mean, half, n, deviation)


@dataclasses.dataclass(frozen=True)
class Standing:
    """One line of the ranking.

    Attributes:
        name: name of the method.
        score: score over the finished seeds.
        behind: how much worse than the first method, over seeds that both have
            finished; None for the first, and if there are no such seeds.
        steps: mean number of steps.
        minutes: mean duration.
    """

    name: str
    score: Interval
    behind: Optional[Interval]
    steps: float
    minutes: float


def ranking(
    results: Mapping[str, Mapping[int, Mapping[str, Any]]], measure: str
) -> List[Standing]:
    """Ranks the methods that have finished runs, the best first.

    The order is that of the means over the seeds that all of them have finished.

    Args:
        results: `results.json` by method and seed.
        measure: an error, where less is better, or another score, where more is better.
    """
    sign = 1 if measure.endswith("error") else -1
    scores = {
        name: {seed: float(each[measure]) for seed, each in runs.items()}
        for name, runs in results.items()
        if runs
    }
    # Seeds differ in the labels that they draw: only those that all have compare.
    shared = set.intersection(*map(set, scores.values())) if scores else set()
    means = {
        name: statistics.fmean(v for s, v in runs.items() if s in shared or not shared)
        for name, runs in scores.items()
    }
    order = sorted(scores, key=lambda name: sign * means[name])
    found = []
    for name in order:
        runs, best = scores[name], scores[order[0]]
        both = sorted(set(runs) & set(best)) if name != order[0] else []
        differences = [sign * (runs[seed] - best[seed]) for seed in both]
        found.append(
            Standing(
                name,
                interval(list(runs.values())),
                interval(differences) if differences else None,
                statistics.fmean(each["steps"] for each in results[name].values()),
                statistics.fmean(each["seconds"] for each in results[name].values())
                / 60,
            )
        )
    return found
