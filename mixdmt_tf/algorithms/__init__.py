"""Training algorithms: `base.py` has the one training step, each method is one file.

`classification/` and `segmentation/` hold the methods of each task, `parts/` the code
that several of them share. A method is a class named after its file. Its settings are a
frozen dataclass `Config` in the same file or in that of its parent class; the class
attribute `config_class` refers to it in both cases.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Type

from mixdmt_tf.settings import class_named, classes

if TYPE_CHECKING:  # imports TensorFlow
    from mixdmt_tf.algorithms.base import Algorithm


def method(task: str, name: str) -> Type[Algorithm]:
    """Imports and returns the class of `mixdmt_tf/algorithms/<task>/<name>.py`.

    Args:
        task: 'classification' or 'segmentation'.
        name: the value of `--algorithm`, such as 'realmix'.
    """
    module = importlib.import_module(f"{__name__}.{task}.{name}")
    found: Type[Algorithm] = getattr(module, class_named(module.__name__))
    return found


def from_labels_alone(task: str, name: str) -> bool:
    """Returns whether a method uses labelled images only.

    Args:
        task: 'classification' or 'segmentation'.
        name: the value of `--algorithm`.
    """
    found = method(task, name)
    return bool(found.recipe(found.config_class()).images_per_label == 1)


def base_in_words(task: str, name: str) -> str:
    """Returns the name of a base model in results: 'labels alone', or its method.

    Args:
        task: 'classification' or 'segmentation'.
        name: name of its method.
    """
    return "labels alone" if from_labels_alone(task, name) else name


def method_called(task: str, class_name: str) -> Type[Algorithm]:
    """Imports and returns the method with the given class name.

    Args:
        task: 'classification' or 'segmentation'.
        class_name: name of the class, such as 'RealMix'.

    Raises:
        AttributeError: if there is no such method.
    """
    package = f"{__name__}.{task}"
    for name, found in classes(package).items():
        if found == class_name:
            return method(task, name)
    raise AttributeError(f"module {package!r} has no attribute {class_name!r}")
