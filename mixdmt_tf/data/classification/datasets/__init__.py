"""Data sets, one file each: `--dataset=NAME` is NAME.py and its function `load`."""

from __future__ import annotations

import importlib
from typing import Any

from mixdmt_tf.data.classification import labels_csv, selection
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import modules, nearest


def find(config: Config) -> None:
    """Makes sure that the data are where `config` says, as far as a glance can tell.

    It takes no TensorFlow and reads no image, so that a mistyped folder is noticed at
    once. Data sets without a `find` are always there.

    Raises:
        UsageError: if there is no such data set, or it needs a folder.
        UserError: if the data are not there, as `load` would say.
    """
    configs = [config]
    if config.unlabeled_dataset:
        configs.append(selection.other(config))
    elif config.unlabeled_dir:
        selection.find_folder(config)
    if config.labels_csv:
        _module(config).find_labels(config)
    for each in configs:
        getattr(_module(each), "find", lambda config: None)(each)


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
        source = selection.add_folder(source, config)
    if config.labels_csv:
        source = labels_csv.label(source, config.labels_csv)
    return selection.select(source, config)


def whole(config: Config) -> Source:
    """The data set that `config.dataset` names, with all classes and nothing added."""
    source: Source = _module(config).load(config)
    return source


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
