"""A search for settings: what is searched, trials as run folders, what came of them.

The search is Optuna's (Akiba et al. 2019, arXiv:1907.10902), whose journal is a file
in the folder of the search. Nothing here imports TensorFlow, and Optuna is imported
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
WARM_UP = 2  # evaluations of a trial that nobody judges
FORM = "NAME:LOW:HIGH, NAME:LOW:HIGH:log or NAME:A,B,C"


@dataclasses.dataclass(frozen=True)
class Range:
    """What is tried of one setting.

    Attributes:
        name: of the setting.
        type: 'int', 'float', 'str' or 'bool', of a range one of the first two.
        low: of a range.
        high: of a range.
        log: draw the logarithm evenly.
        choices: texts to choose from; () of a range.
    """

    name: str
    type: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: Tuple[str, ...] = ()

    @property
    def ends(self) -> Tuple[str, ...]:
        """Values, as texts, between which or of which all others are."""
        return self.choices or tuple(map(self.text, (self.low, self.high)))

    def text(self, value: Any) -> str:
        """A value as a flag has it."""
        if self.choices:
            return str(value)
        if self.type == "int":
            return to_text(round(value))
        # What is searched is not known to more digits than these.
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
    """What `--tune` says.

    Args:
        text: as `FORM` has it.
        settings: the settings there are, by name.

    Raises:
        UsageError: if it is of another form, or there is no such setting.
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
    """A trial that is over.

    Attributes:
        number: of its run folder.
        values: texts of the settings that were searched.
        score: what it reached, None if it failed.
        pruned: whether it was stopped since earlier ones were better at that time.
    """

    number: int
    values: Dict[str, str]
    score: Optional[float]
    pruned: bool


class Search:
    """A search in a folder, which the same settings resume.

    Attributes:
        folder: of the search.
        measure: what is searched by, of `MEASURES`.
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
            folder: of the search.
            ranges: what is searched.
            flags: of the training command, the same for all trials.
            segmentation: the task.
            prune: stop trials that are behind.
            given: what these flags and their flagfiles say, by name of the setting.

        Raises:
            UserError: if Optuna is missing, or the folder is of another search.
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
        # A sampler that begins anew would draw what it drew before.
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
                f"{self.folder} holds a search of other settings.\n"
                "Give the same flags to go on with it, or another --workdir."
            )

    def _requeue(self) -> None:
        """Trials that were running when the process ended are gone on with first."""
        state = self._optuna.trial.TrialState
        for each in self._study.get_trials(states=(state.RUNNING,)):
            self._study.tell(each.number, state=state.FAIL)
            if "run" in each.user_attrs:  # else it had no folder yet
                number = each.user_attrs["run"]
                self._study.enqueue_trial(each.params, user_attrs={"run": number})

    def done(self) -> List[Trial]:
        """The trials that are over, in their order."""
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
        """The best of the trials that were trained to their end."""
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
        """Notes what came of a trial.

        Raises:
            UserError: if it was scored on no validation images.
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


SEED = 1  # of every trial: they differ in nothing but what is searched


@dataclasses.dataclass(eq=False)
class Attempt:
    """A trial that is being trained.

    Attributes:
        trial: Optuna's.
        number: of its run folder.
        values: texts of the settings that are searched.
        run: its run folder and command.
        measure: what is searched by.
        reported: evaluations that Optuna knows of.
    """

    trial: Any
    number: int
    values: Dict[str, str]
    run: Contestant
    measure: str
    reported: int = 0

    def behind(self) -> bool:
        """Whether the evaluations so far are worse than the median of others."""
        try:
            curve = self.run.curve(SEED, self.measure)
        except Damaged:  # as it looks while the trial writes it
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
