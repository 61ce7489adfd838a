"""One run's settings, all of them, and their form as flags."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Dict, List, Tuple, Union

from mixdmt_tf import algorithms, settings
from mixdmt_tf.algorithms import scenes as scene_algorithms
from mixdmt_tf.data import config as data_config
from mixdmt_tf.data.scenes import config as scenes_config
from mixdmt_tf.errors import UserError
from mixdmt_tf.experiments import config as run_config
from mixdmt_tf.settings import Setting, settings_of, to_text


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What determines a run.

    Attributes:
        run: algorithm, network, length, speed, folder.
        data: data set, and copies of images or crops of scenes.
        network: the `Config` of the network named by `run.network`.
        method: the `Config` of the algorithm named by `run.algorithm`.
    """

    run: run_config.Config
    data: Union[data_config.Config, scenes_config.Config]
    network: Any
    method: Any

    @property
    def algorithm(self) -> str:
        """Name of the algorithm."""
        return self.run.algorithm

    @property
    def scenes(self) -> bool:
        """Whether every pixel has a class, rather than every picture."""
        return isinstance(self.data, scenes_config.Config)

    def find_algorithm(self, name: str = "") -> Any:
        """The module of this algorithm, or of another one for the same kind of data."""
        package = scene_algorithms if self.scenes else algorithms
        return package.algorithm(name or self.algorithm)

    @property
    def groups(self) -> Tuple[Tuple[str, Any], ...]:
        """(title, config) in the order in which they are written and shown."""
        return (
            ("run", self.run),
            ("data", self.data),
            (f"network {self.run.network}", self.network),
            (f"algorithm {self.algorithm}", self.method),
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
        """Refuses to go on with a run that was started under other settings.

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
                + "\nRepeat the old ones to go on with it, or choose another --workdir."
            )


def _start(flags: Dict[str, str]) -> str:
    """Where `init_from` is, seen from the run's folder."""
    start = flags.get("init_from", "")
    return os.path.relpath(start, flags.get("workdir") or ".") if start else ""


def parse(flagfile: str) -> Dict[str, str]:
    """The flags of a file that `Experiment.flagfile` wrote."""
    lines = [line[2:] for line in flagfile.splitlines() if line.startswith("--")]
    return dict(line.split("=", 1) for line in lines)
