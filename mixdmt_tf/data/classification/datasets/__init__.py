"""Data sets, one file each: `--dataset=NAME` is NAME.py and its function `load`."""

from __future__ import annotations

import importlib

from mixdmt_tf.data.classification import selection
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import modules, nearest


def load(config: Config) -> Source:
    """Loads the data set that `config.dataset` names, with the classes asked for.

    Raises:
        UsageError: if there is no such data set, or no such class.
        UserError: if its data are missing or damaged.
    """
    source = whole(config)
    if config.unlabeled_dataset:
        source = selection.add_dataset(source, whole(selection.other(config)))
    elif config.unlabeled_dir:
        source = selection.add_folder(source, config.unlabeled_dir)
    return selection.select(source, config)


def whole(config: Config) -> Source:
    """The data set that `config.dataset` names, with all classes and nothing added."""
    names = modules(__name__, "load")
    if config.dataset not in names:
        near = nearest(config.dataset, names)
        raise UsageError(
            f"--dataset={config.dataset}: expected one of {', '.join(names)}"
            + (f"\ndid you mean {near}?" if near else "")
        )
    module = importlib.import_module(f"{__name__}.{config.dataset}")
    source: Source = module.load(config)
    return source
