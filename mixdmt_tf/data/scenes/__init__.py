"""Data sets with a class for each pixel: `--dataset=NAME` is NAME.py, its `load`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import modules, nearest

if TYPE_CHECKING:  # settings are wanted before anything heavy is imported
    from mixdmt_tf.data.scenes.config import Config
    from mixdmt_tf.data.scenes.source import Scenes


def find(config: Config) -> None:
    """Makes sure that the data are where `config` says, as far as a glance can tell.

    As `sources.find`: it takes no TensorFlow and reads no picture.

    Raises:
        UsageError: if there is no such data set, or it needs a folder.
        UserError: if folders or lists are missing, as `load` would say.
    """
    getattr(_module(config), "find", lambda config: None)(config)


def load(config: Config) -> Scenes:
    """Opens the data set that `config.dataset` names; its pictures are not read yet.

    Raises:
        UsageError: if there is no such data set.
        UserError: if its data are missing, or not laid out as expected.
    """
    scenes: Scenes = _module(config).load(config)
    return scenes


def _module(config: Config) -> Any:
    """The file of the data set that `config.dataset` names."""
    names = modules(__name__, "load")
    if config.dataset not in names:
        near = nearest(config.dataset, names)
        raise UsageError(
            f"--dataset={config.dataset}: expected one of {', '.join(names)}"
            + (f"\ndid you mean {near}?" if near else "")
        )
    return importlib.import_module(f"{__name__}.{config.dataset}")
