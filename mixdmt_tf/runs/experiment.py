"""All settings of a run, and their conversion to and from flags."""

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
    """The settings that determine a run.

    Attributes:
        run: algorithm, network, length, speed, folder.
        data: data set, labels, and copies of images (classification) or crops
            (segmentation); its type determines the task.
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
        """The checkpoint that is the result: 'last', or 'best' on validation images.

        For a single run, and thus for each stage of a run in rounds, it is the last.
        """
        return getattr(self.method, "snapshot", "last") if self.in_rounds else "last"

    def method_class(self, name: str = "") -> Type[Algorithm]:
        """Returns the class of this algorithm, or of another one of the same task."""
        return algorithms.method(self.task, name or self.algorithm)

    @property
    def groups(self) -> Tuple[Tuple[str, Any], ...]:
        """Pairs (title, config), in the order in which they are written and shown."""
        return (
            ("run", self.run),
            ("data", self.data),
            (f"network {self.run.network}", self.network),
            (f"algorithm {self.algorithm}", self.method),
        )

    def for_run(self, steps: int) -> Experiment:
        """Fills in the settings that default to values for the run's length.

        Args:
            steps: number of training steps of the run.
        """
        return dataclasses.replace(
            self,
            run=self.run.for_run(steps, self.task),
            network=self.network.for_run(steps),
            method=self.method.for_run(steps),
        )

    def left_open(self) -> Dict[str, Setting]:
        """Returns the unset settings whose defaults depend on the run's length."""
        return {
            name: setting
            for name, (setting, value) in self.values().items()
            if setting.by_length and value is None
        }

    def as_started(self, flagfile: str) -> Experiment:
        """Fills in unset settings with the values that the run was started with.

        A run that is given more steps thus keeps its ramps and momenta.

        Args:
            flagfile: the text that `flagfile` wrote when the run was started.

        Raises:
            UserError: if a value in the flagfile is invalid.
        """
        return self._taking(self.left_open(), flagfile)

    def with_steps_of(self, flagfile: str) -> Experiment:
        """Takes over the steps that the run, or its stages, were started with."""
        return self.taking(("steps", *lengths.STAGES), flagfile)

    def taking(self, names: Iterable[str], flagfile: str) -> Experiment:
        """Takes over the named settings that the run was started with."""
        own = {name: setting for name, (setting, _) in self.values().items()}
        return self._taking({k: own[k] for k in names if k in own}, flagfile)

    def _taking(self, settings_: Mapping[str, Setting], flagfile: str) -> Experiment:
        old = {**self._before_they_were_settings(), **parse(flagfile)}
        texts = {name: old.get(name, "none") for name in settings_}
        given = {name: text for name, text in texts.items() if text != "none"}
        return self.replace({k: value_of(settings_[k], v) for k, v in given.items()})

    def _before_they_were_settings(self) -> Dict[str, str]:
        """Returns the values used by runs that predate length-dependent settings."""
        long = self.for_run(lengths.PUBLISHED).to_flags()
        return {
            name: long[name]
            for name, (setting, _) in self.values().items()
            if setting.by_length and not setting.harmless
        }

    def replace(self, values: Mapping[str, Any]) -> Experiment:
        """Returns a copy with other values of some settings, in any group."""

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
        """Returns every setting with its value, by name."""
        return {
            each.name: (each, getattr(config, each.name))
            for _, config in self.groups
            for each in settings_of(type(config))
        }

    def to_flags(self) -> Dict[str, str]:
        """Returns every setting as the text of its flag."""
        return {name: to_text(value) for name, (_, value) in self.values().items()}

    def network_flags(self) -> Dict[str, str]:
        """Returns the network's name and settings as the text of their flags."""
        values = dataclasses.asdict(self.network)
        return {
            "network": self.run.network,
            **{name: to_text(value) for name, value in values.items()},
        }

    def flagfile(self) -> str:
        """Returns a flagfile for `bin/train` that repeats the run."""
        return settings.flagfile(
            (title, dataclasses.asdict(config)) for title, config in self.groups
        )

    def require_same(self, flagfile: str, workdir: str) -> None:
        """Checks that a run is resumed with the settings that it was started with.

        Settings that are declared harmless (more steps, logging) may differ.

        Args:
            flagfile: the text that `flagfile` wrote when the run was started.
            workdir: the run's folder, for the message.

        Raises:
            UserError: with a list of the old and new values that differ.
        """
        values = self.values()
        # A setting that was added after the run started had its present default.
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
    """Returns `init_from` relative to the run's folder."""
    start = flags.get("init_from", "")
    return os.path.relpath(start, flags.get("workdir") or ".") if start else ""


def value_of(setting: Setting, text: str) -> Any:
    """Parses a value from a run's own flagfile.

    Raises:
        UserError: if the value is not valid for the setting.
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
    """Parses a file that `Experiment.flagfile` wrote."""
    lines = [line[2:] for line in flagfile.splitlines() if line.startswith("--")]
    return dict(line.split("=", 1) for line in lines)
