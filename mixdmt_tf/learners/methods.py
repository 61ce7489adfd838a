"""The functions that make models: `mixdmt_tf.RealMix(network, num_classes=10)`.

Like `keras.applications.ResNet50`, they are functions named after what they make. There
is one for each file of `algorithms/classification/` and of `algorithms/segmentation/`.
The modules `classification.py` and `segmentation.py` in this folder are the two
namespaces.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable

from mixdmt_tf import algorithms
from mixdmt_tf.settings import classes, settings_of, to_text

ARGUMENTS = """
{first}

    >>> model = {name}(network, num_classes=10)
    >>> model.fit((images, labels), unlabeled=more_images, epochs=10)

Args:
    network: a functional or sequential `keras.Model` with one input that returns logits
        (no activation), probabilities (softmax) or features. After features, a last
        layer for the classes is added. The network is trained in place, but a last
        layer with softmax is replaced by one without that gets a copy of its weights.
    num_classes: number of classes C; labels are 0 to C - 1.
    class_names: names of the classes, for `export`; default: their numbers.
    input_range: smallest and largest pixel value that the network takes. By default,
        the network gets floating images as they are given. It gets uint8 images as 0 to
        255 if it begins with a Normalization layer or a Rescaling such as 1/255, and
        else as -1 to 1.
    flip: whether training images may be flipped horizontally.
    shift: largest random shift in pixels (classification); default: an eighth of the
        smaller side.
    pretrained: whether the network's weights were trained before. If so, second
        networks and the stages of methods in rounds start from them instead of from new
        random weights. Frozen weights are always copied.
    seed: seed of everything random except the network's weights.

Settings of the method, all of them keywords; `docs/python.md` has more on those of the
data ({data}):

{settings}

Returns:
    A `keras.Model` ({model}).

Raises:
    ArgumentError: a ValueError that says what was expected.
"""


def maker(task: str, class_name: str) -> Callable[..., Any]:
    """Returns the function that makes models of a method.

    Args:
        task: 'classification' or 'segmentation'.
        class_name: class name of the method, such as 'RealMix'.

    Raises:
        AttributeError: if there is no such method.
    """
    files = classes(f"mixdmt_tf.algorithms.{task}")
    named = {name: file for file, name in files.items()}
    if class_name not in named:
        raise AttributeError(
            f"module 'mixdmt_tf.learners.{task}' has no attribute {class_name!r}"
        )
    file = named[class_name]
    from mixdmt_tf.learners.keywords import DATA  # imports TensorFlow
    from mixdmt_tf.learners.learner import Learner
    from mixdmt_tf.learners.rounds import RoundsLearner

    method = algorithms.method(task, file)
    model = Learner if method.loop == "single" else RoundsLearner

    def make(network: Any, num_classes: int, **keywords: Any) -> Any:
        return model(network, num_classes, task=task, method=file, **keywords)

    make.__name__ = make.__qualname__ = class_name
    make.__module__ = f"mixdmt_tf.learners.{task}"
    lines = [
        f"    {each.name} ({each.type}, default {to_text(each.default) or repr('')}): "
        f"{each.help}."
        for each in settings_of(method.config_class)
    ]
    make.__doc__ = ARGUMENTS.format(
        first=(inspect.getdoc(inspect.getmodule(method)) or "").splitlines()[0],
        name=f"mixdmt_tf.{task}.{class_name}",
        data=", ".join(DATA[task]),
        settings="\n".join(lines),
        model=model.__name__,
    ).strip()
    return make
