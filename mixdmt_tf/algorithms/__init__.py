"""Training algorithms: `base.py` has the one training step, each method is one file.

`classification/` and `segmentation/` hold the methods of each task, `parts/` what
several of them share. A method is a class that bears its file's name; its settings are
a frozen dataclass `Config` in the same file, or else in that of its parent, and the
class attribute `config_class` either way.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Type

from mixdmt_tf.settings import class_named, classes

if TYPE_CHECKING:  # imports TensorFlow
    from mixdmt_tf.algorithms.base import Algorithm


def method(task: str, name: str) -> Type[Algorithm]:
    """The class of `mixdmt_tf/algorithms/<task>/<name>.py`, imported when asked for.

    Args:
        task: 'classification' or 'segmentation'.
        name: the value of `--algorithm`, such as 'realmix'.
    """
    module = importlib.import_module(f"{__name__}.{task}.{name}")
    found: Type[Algorithm] = getattr(module, class_named(module.__name__))
    return found


def from_labels_alone(task: str, name: str) -> bool:
    """Whether a method learns from nothing but labelled images.

    Args:
        task: 'classification' or 'segmentation'.
        name: the value of `--algorithm`.
    """
    found = method(task, name)
    return bool(found.recipe(found.config_class()).images_per_label == 1)


def base_in_words(task: str, name: str) -> str:
    """What results call a base model by: 'labels alone', or its method.

    Args:
        task: 'classification' or 'segmentation'.
        name: of its method.
    """
    return "labels alone" if from_labels_alone(task, name) else name


def method_called(task: str, class_name: str) -> Type[Algorithm]:
    """The method whose class has this name, imported when asked for.

    Args:
        task: 'classification' or 'segmentation'.
        class_name: such as 'RealMix'.

    Raises:
        AttributeError: if there is none.
    """
    package = f"{__name__}.{task}"
    for name, found in classes(package).items():
        if found == class_name:
            return method(task, name)
    raise AttributeError(f"module {package!r} has no attribute {class_name!r}")
