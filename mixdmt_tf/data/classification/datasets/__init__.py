"""Data sets, one module each: `--dataset=NAME` calls `load` of NAME.py."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from mixdmt_tf.data.classification import labels_csv, selection
from mixdmt_tf.data.classification.config import FOLDERS, Config
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.settings import modules, nearest


def find(config: Config) -> None:
    """Quickly checks that the data are where `config` says.

    It does not import TensorFlow and reads no image, so that a mistyped folder is
    reported at once. Data sets without a `find` are always available.

    Raises:
        UsageError: if the data set does not exist, or needs a folder.
        UserError: if the data are missing, with the message of `load`.
    """
    configs = [config]
    if config.unlabeled_dataset:
        other = selection.other(config)
        if other.dataset in FOLDERS:
            selection.require_apart(expanded(other.data_dir), config)
        configs.append(other)
    elif config.unlabeled_dir:
        selection.find_folder(config)
    if config.labels_csv:
        _module(config).find_labels(config)
    for each in configs:
        getattr(_module(each), "find", lambda config: None)(each)


def load(config: Config) -> Source:
    """Loads the data set `config.dataset` with the selected classes.

    Raises:
        UsageError: if the data set or a class does not exist.
        UserError: if the data are missing or damaged.
    """
    source = whole(config)
    if config.unlabeled_dataset:
        other = selection.other(config)
        if other.dataset in FOLDERS and other.image_size is None:
            side = max(source.image_shape[:2])  # not enlarged from a smaller one
            other = dataclasses.replace(other, image_size=side)
        source = selection.add_dataset(source, whole(other))
    elif config.unlabeled_dir:
        source = selection.add_folder(source, config)
    if config.labels_csv:
        source = labels_csv.label(source, config.labels_csv)
    return selection.select(source, config)


def whole(config: Config) -> Source:
    """Loads the data set `config.dataset` with all classes, and adds no images."""
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
