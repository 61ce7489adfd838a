"""One run's settings, all of them, and their form as flags."""

from __future__ import annotations

import dataclasses
import os
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    List,
    Mapping,
    Tuple,
    Type,
    Union,
)

from mixdmt_tf import algorithms, lengths, settings
from mixdmt_tf.data.classification import config as classification_config
from mixdmt_tf.data.segmentation import config as segmentation_config
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import config as run_config
from mixdmt_tf.settings import Setting, settings_of, to_text

if TYPE_CHECKING:  # imports TensorFlow
    from mixdmt_tf.algorithms.base import Algorithm


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What determines a run.

    Attributes:
        run: algorithm, network, length, speed, folder.
        data: data set, labels, and copies of images (classification) or crops
            (segmentation); it decides which task the run is of.
        network: the `Config` of the network named by `run.network`.
        method: the `Config` of the algorithm named by `run.algorithm`.
    """

    run: run_config.Config
    data: Union[classification_config.Config, segmentation_config.Config]
    network: Any
    method: Any

    @property
    def algorithm(self) -> str:
        """Name of the algorithm."""
        return self.run.algorithm

    @property
    def task(self) -> str:
        """'classification' or 'segmentation'."""
        return self.data.task

    @property
    def in_rounds(self) -> bool:
        """Whether this is a whole run in rounds, rather than one training run."""
        loop = self.method_class().loop
        return loop != "single" and not self.data.pseudo_labels

    @property
    def snapshot(self) -> str:
        """Which checkpoint is the result: 'last', or 'best' on the validation images.

        A single run, and so each stage of rounds, ends with its last weights.
        """
        return getattr(self.method, "snapshot", "last") if self.in_rounds else "last"

    def method_class(self, name: str = "") -> Type[Algorithm]:
        """The class of this algorithm, or of another one of the same task."""
        return algorithms.method(self.task, name or self.algorithm)

    @property
    def groups(self) -> Tuple[Tuple[str, Any], ...]:
        """(title, config) in the order in which they are written and shown."""
        return (
            ("run", self.run),
            ("data", self.data),
            (f"network {self.run.network}", self.network),
            (f"algorithm {self.algorithm}", self.method),
        )

    def for_run(self, steps: int) -> Experiment:
        """These settings with what they leave open filled in for a run's length.

        Args:
            steps: of the run.
        """
        return dataclasses.replace(
            self,
            run=self.run.for_run(steps, self.task),
            network=self.network.for_run(steps),
            method=self.method.for_run(steps),
        )

    def left_open(self) -> Dict[str, Setting]:
        """The settings that wait for the run's length, by name."""
        return {
            name: setting
            for name, (setting, value) in self.values().items()
            if setting.by_length and value is None
        }

    def as_started(self, flagfile: str) -> Experiment:
        """These settings, what they leave open being as the run was started with.

        A run that is given more steps keeps its ramps and momenta.

        Args:
            flagfile: the text that `flagfile` wrote when the run was started.

        Raises:
            UserError: if a value there is none.
        """
        return self._taking(self.left_open(), flagfile)

    def with_steps_of(self, flagfile: str) -> Experiment:
        """These settings with the steps that the run, or its stages, started with."""
        return self.taking(("steps", *lengths.STAGES), flagfile)

    def taking(self, names: Iterable[str], flagfile: str) -> Experiment:
        """These settings with those of them that the run was started with."""
        own = {name: setting for name, (setting, _) in self.values().items()}
        return self._taking({k: own[k] for k in names if k in own}, flagfile)

    def _taking(self, settings_: Mapping[str, Setting], flagfile: str) -> Experiment:
        old = {**self._before_they_were_settings(), **parse(flagfile)}
        texts = {name: old.get(name, "none") for name in settings_}
        given = {name: text for name, text in texts.items() if text != "none"}
        return self.replace({k: value_of(settings_[k], v) for k, v in given.items()})

    def _before_they_were_settings(self) -> Dict[str, str]:
        """What runs had that are older than settings that follow from a length."""
        long = self.for_run(lengths.PUBLISHED).to_flags()
        return {
            name: long[name]
            for name, (setting, _) in self.values().items()
            if setting.by_length and not setting.harmless
        }

    def replace(self, values: Mapping[str, Any]) -> Experiment:
        """The same with other values of some settings, whichever group has them."""

        def changed(config: Any) -> Any:
            names = {each.name for each in dataclasses.fields(config)}
            return dataclasses.replace(
                config, **{k: v for k, v in values.items() if k in names}
            )

        return Experiment(
            changed(self.run),
            changed(self.data),
            changed(self.network),
            changed(self.method),
        )

    def values(self) -> Dict[str, Tuple[Setting, Any]]:
        """Every setting with its value, by name."""
        return {
            each.name: (each, getattr(config, each.name))
            for _, config in self.groups
            for each in settings_of(type(config))
        }

    def to_flags(self) -> Dict[str, str]:
        """Every setting as the text of its flag."""
        return {name: to_text(value) for name, (_, value) in self.values().items()}

    def network_flags(self) -> Dict[str, str]:
        """Name and settings of the network as the text of their flags."""
        values = dataclasses.asdict(self.network)
        return {
            "network": self.run.network,
            **{name: to_text(value) for name, value in values.items()},
        }

    def flagfile(self) -> str:
        """A flagfile for `bin/train` that repeats the run."""
        return settings.flagfile(
            (title, dataclasses.asdict(config)) for title, config in self.groups
        )

    def require_same(self, flagfile: str, workdir: str) -> None:
        """Refuses to resume a run that was started under other settings.

        Settings that are declared harmless (more steps, logging) may differ.

        Args:
            flagfile: the text that `flagfile` wrote when the run was started.
            workdir: the run's folder, for the message.

        Raises:
            UserError: with a table of what differs, old and new.
        """
        values = self.values()
        # A setting that is younger than the run had what is now its default.
        old = {name: to_text(each.default) for name, (each, _) in values.items()}
        old.update(self._before_they_were_settings())
        old.update(parse(flagfile))
        new = self.to_flags()
        if _start(old) == _start(new):  # a run in rounds may move as a whole
            old["init_from"] = new["init_from"]
        harmless = {name for name, (each, _) in values.items() if each.harmless}
        changed: List[str] = [
            f"  --{name}: {old.get(name, '(not set)')} -> {new.get(name, '(not set)')}"
            for name in list(dict.fromkeys([*old, *new]))
            if name not in harmless and old.get(name) != new.get(name)
        ]
        if changed:
            raise UserError(
                f"{workdir} holds a run with other settings (old -> new):\n"
                + "\n".join(changed)
                + "\nUse the old settings to resume it, or choose another --workdir."
            )


def _start(flags: Dict[str, str]) -> str:
    """Where `init_from` is, seen from the run's folder."""
    start = flags.get("init_from", "")
    return os.path.relpath(start, flags.get("workdir") or ".") if start else ""


def value_of(setting: Setting, text: str) -> Any:
    """The value that stands in a run's own flagfile.

    Raises:
        UserError: if it is none that the setting can have.
    """
    try:
        if setting.type == "bool":
            value: Any = {"true": True, "false": False}[text]
        elif text in setting.words:
            value = text
        else:
            value = {"int": int, "float": float, "str": str}[setting.type](text)
    except (KeyError, ValueError):
        value = None
    if value is None or not setting.accepts(value):
        raise UserError(
            f"flags.txt of the run: --{setting.name}={text}: expected "
            f"{setting.expected}.\nRepair that line, or choose another --workdir."
        )
    return value


def parse(flagfile: str) -> Dict[str, str]:
    """The flags of a file that `Experiment.flagfile` wrote."""
    lines = [line[2:] for line in flagfile.splitlines() if line.startswith("--")]
    return dict(line.split("=", 1) for line in lines)
