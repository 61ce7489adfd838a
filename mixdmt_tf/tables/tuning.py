"""A search for hyperparameters: search space, trials as run folders, and results.

The search uses Optuna (Akiba et al. 2019, arXiv:1907.10902), with a journal file in the
folder of the search. This module does not import TensorFlow, and imports Optuna only
when a search begins.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from mixdmt_tf.digests import Damaged
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import Setting, Value, to_text
from mixdmt_tf.tables import tuning_journal
from mixdmt_tf.tables.contest import Contestant

MEASURES = ("validation_error", "validation_miou")
WARM_UP = 2  # first evaluations of a trial, at which it is not pruned
FORM = "NAME:LOW:HIGH, NAME:LOW:HIGH:log or NAME:A,B,C"


@dataclasses.dataclass(frozen=True)
class Range:
    """The search space of one setting: a range of numbers or a list of choices.

    Attributes:
        name: name of the setting.
        type: 'int', 'float', 'str' or 'bool'; for a range one of the first two.
        low: lower end of a range.
        high: upper end of a range.
        log: whether to sample uniformly in the logarithm.
        choices: texts to choose from; () for a range.
    """

    name: str
    type: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: Tuple[str, ...] = ()

    @property
    def ends(self) -> Tuple[str, ...]:
        """The choices, or the ends of the range, as texts."""
        return self.choices or tuple(map(self.text, (self.low, self.high)))

    def text(self, value: Any) -> str:
        """Formats a value as the text of its flag."""
        if self.choices:
            return str(value)
        if self.type == "int":
            return to_text(round(value))
        # More digits would suggest a precision that a search does not have.
        rounded = float(f"{value:.4g}")
        return to_text(min(max(rounded, self.low), self.high))

    def ask(self, trial: Any) -> Any:
        """Draws a value for a trial."""
        if self.choices:
            return trial.suggest_categorical(self.name, list(self.choices))
        if self.type == "int":
            low, high = round(self.low), round(self.high)
            return trial.suggest_int(self.name, low, high, log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


def read_range(text: str, settings: Mapping[str, Setting]) -> Range:
    """Parses a value of `--tune`.

    Args:
        text: text in the form of `FORM`.
        settings: all settings, by name.

    Raises:
        UsageError: if the form is wrong, or there is no such setting.
    """
    name, _, rest = text.strip().partition(":")
    given = f"--tune={text.strip()}"
    if name not in settings:
        raise UsageError(f"{given}: there is no flag --{name}; expected {FORM}")
    kind = settings[name].type
    parts = rest.split(":")
    if len(parts) == 1:
        choices = tuple(each.strip() for each in rest.split(",") if each.strip())
        if len(set(choices)) < max(2, len(choices)):
            raise UsageError(f"{given}: expected two or more different values: {FORM}")
        return Range(name, kind, choices=choices)
    log = parts[2:] == ["log"]
    if len(parts) > 2 and not log or kind not in ("int", "float"):
        raise UsageError(f"{given}: expected {FORM}; ranges are of numbers")
    try:
        low, high = map(float, parts[:2])
    except ValueError:
        raise UsageError(f"{given}: expected numbers: {FORM}") from None
    whole = kind == "float" or low.is_integer() and high.is_integer()
    if not (whole and math.isfinite(high - low) and low < high):
        raise UsageError(
            f"{given}: expected {'numbers' if kind == 'float' else 'integers'}, the "
            "smaller one first"
        )
    if log and low <= 0:
        raise UsageError(f"{given}: a logarithm needs numbers above 0")
    return Range(name, kind, low, high, log)


@dataclasses.dataclass(frozen=True)
class Trial:
    """A trial that has ended.

    Attributes:
        number: number of its run folder.
        values: texts of the settings that were searched.
        score: its score; None if it failed.
        pruned: whether it was stopped because earlier trials were better at that point.
    """

    number: int
    values: Dict[str, str]
    score: Optional[float]
    pruned: bool


class Search:
    """A search in a folder; the same settings resume it.

    Attributes:
        folder: folder of the search.
        measure: the measure to optimize, one of `MEASURES`.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        ranges: Sequence[Range],
        flags: Sequence[str],
        segmentation: bool,
        prune: bool,
        given: Mapping[str, Value] = MappingProxyType({}),
    ):
        """Opens the folder's journal.

        Args:
            folder: folder of the search.
            ranges: the search space.
            flags: flags of the training command, the same for all trials.
            segmentation: whether the task is segmentation.
            prune: whether to stop trials that fall behind.
            given: values set by these flags and their flagfiles, by setting.

        Raises:
            UserError: if Optuna is missing, or the folder holds another search.
        """
        optuna = _optuna()
        self._optuna, self._ranges, self._flags = optuna, ranges, tuple(flags)
        self.folder = folder
        self.measure = MEASURES[segmentation]
        folder.mkdir(parents=True, exist_ok=True)
        self._study = optuna.create_study(
            storage=tuning_journal.opened(optuna, folder),
            study_name="tuning",
            direction="maximize" if segmentation else "minimize",
            pruner=optuna.pruners.MedianPruner(n_warmup_steps=WARM_UP)
            if prune
            else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        # A sampler with the same seed would repeat its earlier draws.
        seed = len(self._study.trials)
        self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        self._require_same("search", [*flags, *map(str, ranges)])
        self._require_same("given", [f"--{k}={to_text(v)}" for k, v in given.items()])
        self._requeue()

    def _require_same(self, name: str, wanted: List[str]) -> None:
        found = self._study.user_attrs.get(name)
        if found is None:
            self._study.set_user_attr(name, wanted)
        elif found != wanted:
            raise UsageError(
                f"{self.folder} holds a search with other settings.\n"
                "Give the same flags to resume it, or another --workdir."
            )

    def _requeue(self) -> None:
        """Queues trials that were running when the process ended, to resume them."""
        state = self._optuna.trial.TrialState
        trials = self._study.get_trials
        queued = {t.user_attrs.get("run") for t in trials(states=(state.WAITING,))}
        for each in trials(states=(state.RUNNING,)):
            # Without a number it had no folder yet; one that failed had ended. It is
            # queued first: a kill between the two must not lose it.
            number, failed = map(each.user_attrs.get, ("run", "failed"))
            if not failed and number not in {None, *queued}:
                self._study.enqueue_trial(each.params, user_attrs={"run": number})
            self._study.tell(each.number, state=state.FAIL)

    def done(self) -> List[Trial]:
        """Returns the trials that have ended, in order."""
        state = self._optuna.trial.TrialState
        found = []
        for each in self._study.trials:
            failed = each.state == state.FAIL and each.user_attrs.get("failed", False)
            if each.state not in (state.COMPLETE, state.PRUNED) and not failed:
                continue
            values = {r.name: r.text(each.params[r.name]) for r in self._ranges}
            number = each.user_attrs["run"]
            pruned = each.state == state.PRUNED
            found.append(Trial(number, values, None if failed else each.value, pruned))
        return found

    def best(self) -> Optional[Trial]:
        """Returns the best of the trials that were trained to the end."""
        whole = [each for each in self.done() if each.score is not None]
        sign = -1 if self.measure == "validation_miou" else 1
        whole = [each for each in whole if not each.pruned]
        return min(whole, key=lambda each: sign * (each.score or 0.0), default=None)

    def begin(self) -> "Attempt":
        """Draws the settings of the next trial."""
        trial = self._study.ask()
        values = {each.name: each.text(each.ask(trial)) for each in self._ranges}
        taken = [e.user_attrs.get("run", -1) for e in self._study.trials]
        number = trial.user_attrs.get("run", 1 + max(taken))
        trial.set_user_attr("run", number)
        flags = [*self._flags, *(f"--{name}={text}" for name, text in values.items())]
        run = Contestant(f"trial{number}", tuple(flags), self.folder, 0.0)
        return Attempt(trial, number, values, run, self.measure)

    def end(self, attempt: "Attempt", pruned: bool) -> None:
        """Records the outcome of a trial.

        Raises:
            UserError: if there is no score on validation images.
        """
        state = self._optuna.trial.TrialState
        results = attempt.run.results(SEED)
        if pruned:
            self._study.tell(attempt.trial, state=state.PRUNED)
        elif results is None:
            attempt.trial.set_user_attr("failed", True)
            self._study.tell(attempt.trial, state=state.FAIL)
        else:
            score = results.get(self.measure)
            if score is None:
                raise UserError(
                    "there are no validation images to search by.\n"
                    "Hold some out, such as --validation=100."
                )
            self._study.tell(attempt.trial, float(score))


SEED = 1  # seed of every trial; trials differ only in the searched settings


@dataclasses.dataclass(eq=False)
class Attempt:
    """A trial that is being trained.

    Attributes:
        trial: Optuna's trial.
        number: number of its run folder.
        values: texts of the settings that are searched.
        run: its run folder and command.
        measure: the measure to optimize.
        reported: number of evaluations reported to Optuna.
    """

    trial: Any
    number: int
    values: Dict[str, str]
    run: Contestant
    measure: str
    reported: int = 0

    def behind(self) -> bool:
        """Whether the evaluations so far are worse than the median of other trials."""
        try:
            curve = self.run.curve(SEED, self.measure)
        except Damaged:  # the trial is writing the file
            return False
        for step in range(self.reported, len(curve)):
            self.trial.report(curve[step][1], step)
        self.reported = len(curve)
        return bool(self.reported and self.trial.should_prune())


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UserError(
            'bin/tune needs Optuna: pip install "mixdmt_tf[tune]"'
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
