"""Data sets for segmentation: `--dataset=NAME` calls `load` of NAME.py."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import modules, nearest

if TYPE_CHECKING:  # settings are needed before slow imports
    from mixdmt_tf.data.segmentation.config import Config
    from mixdmt_tf.data.segmentation.source import Source


def find(config: Config) -> None:
    """Quickly checks that the data are where `config` says.

    As in `data.classification.datasets`, it imports no TensorFlow and reads no image.

    Raises:
        UsageError: if the data set does not exist, or needs a folder.
        UserError: if folders or lists are missing, with the message of `load`.
    """
    getattr(_module(config), "find", lambda config: None)(config)


def load(config: Config) -> Source:
    """Opens the data set `config.dataset`; its images are not read yet.

    Raises:
        UsageError: if the data set does not exist.
        UserError: if its data are missing, or not laid out as expected.
    """
    source: Source = _module(config).load(config)
    return source


def _module(config: Config) -> Any:
    """Returns the module of the data set `config.dataset`."""
    names = modules(__name__, "load")
    if config.dataset not in names:
        near = nearest(config.dataset, names)
        raise UsageError(
            f"--dataset={config.dataset}: expected one of {', '.join(names)}"
            + (f"\ndid you mean {near}?" if near else "")
        )
    return importlib.import_module(f"{__name__}.{config.dataset}")
