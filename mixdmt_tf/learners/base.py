"""Somebody's network as a Keras model with the settings of a method: made and saved."""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Optional, Sequence

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import compiling, networks
from mixdmt_tf.learners.keywords import Keywords
from mixdmt_tf.learners.pixels import Range, Scale, range_given
from mixdmt_tf.learners.reading import Reader
from mixdmt_tf.learners.scores import Scores


class BaseModel(keras.Model):
    """The part that neither trains nor predicts.

    Attributes:
        network: images in the range of `scale.network` to logits. It shares its layers
            with the network that was given (see `networks.logits_of`), and has the raw
            weights, those of the last step.
        body: the same of images in -1 to 1; None: the network's range is not known.
        scale: what is known of the pixels.
        keywords: task, method and settings.
        multiple: of segmentation, what the sides of images have to be multiples of.
        reader: of what is given to it.
    """

    def __init__(
        self,
        network: keras.Model,
        num_classes: int,
        task: str,
        method: str,
        *,
        class_names: Optional[Sequence[str]] = None,
        input_range: Optional[Range] = None,
        flip: bool = True,
        shift: Optional[int] = None,
        pretrained: bool = False,
        **settings: Any,
    ):
        """As `methods.py` describes it; `task` and `method` are names of files."""
        num_classes = compiling.whole("num_classes", num_classes, 2)
        if shift is not None:
            shift = compiling.whole("shift", shift, 0)
        names = range(num_classes) if class_names is None else class_names
        names = [str(each) for each in names]
        if len(names) != num_classes:
            raise ArgumentError(
                f"class_names: {len(names)} names for num_classes={num_classes}"
            )
        plain = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in settings.items()
        }
        keywords = Keywords(task, method, plain)
        logits = networks.logits_of(network, num_classes, task)
        super().__init__(name=method)
        self.built = True  # the network is
        self.network = logits
        self.keywords = keywords
        self.body: Optional[keras.Model] = None
        self._compiled = compiling.Compiled()
        self._turn = threading.RLock()  # of threads that evaluate and predict
        self._scores = Scores(num_classes, task)
        self.multiple: Optional[int] = None
        if task == "segmentation":
            self.multiple = networks.multiple_of(logits)
        # In a tuple: Keras would take a dictionary for one of layers.
        self._arguments = (
            ("class_names", tuple(names)),
            ("flip", bool(flip)),
            ("shift", shift),
            ("pretrained", bool(pretrained)),
        )
        shape = tuple(logits.input_shape[1:])
        self.reader = Reader(task, shape, num_classes, networks.rescales(logits))
        self.take(Scale(None, input_range and range_given(input_range)))

    @property
    def arguments(self) -> Dict[str, Any]:
        """What the model was made with, besides network, classes and settings."""
        return dict(self._arguments)

    def take(self, scale: Scale) -> None:
        """Notes what is known of pixels, and makes a network of images in -1 to 1."""
        self.scale = scale
        if self.body is None and scale.network is not None:
            self.body = networks.taking(self.network, scale.network)

    def compile(
        self, optimizer: Any = None, metrics: Optional[List[Any]] = None, **kwargs: Any
    ) -> None:
        """Chooses optimizer and metrics; need not be called.

        Args:
            optimizer: a Keras optimizer, or its name; None: the method's own.
            metrics: of class numbers and probabilities, for `evaluate` and
                `validation_data`, besides loss and accuracy. What has no label does
                not count.
            **kwargs: `run_eagerly`, `jit_compile` and `steps_per_execution`, as Keras
                has them.

        Raises:
            ArgumentError: for a loss: methods bring their own.
        """
        self._compiled = compiling.Compiled.of(optimizer, metrics, kwargs)
        self._keras_compile(self._compiled.optimizer)

    def _keras_compile(
        self, optimizer: Any = None, steps: Optional[int] = None
    ) -> None:
        given = {} if optimizer is None else {"optimizer": optimizer}
        compiled = self._compiled
        options = compiled.options_for(steps)
        super().compile(**given, weighted_metrics=compiled.metrics, **options)

    def state(self) -> List[tf.Variable]:
        """All variables that training changes, optimizers' left out."""
        return [compat.tf_variable(each) for each in self.network.weights]

    def get_weights(self) -> List[np.ndarray]:
        """All of `state`, averages included, as EarlyStopping keeps them."""
        return [each.numpy() for each in self.state()]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Puts back what `get_weights` returned.

        Raises:
            ArgumentError: for other numbers of weights, as before `fit` and after it.
        """
        state = self.state()
        if len(weights) != len(state):
            raise ArgumentError(
                f"set_weights: {len(weights)} arrays; expected the {len(state)} that "
                "get_weights returns"
            )
        for variable, value in zip(state, weights):
            variable.assign(value)

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Writes a .keras file: network, settings, averages, state and optimizer.

        `keras.models.load_model` reads it; arguments are Keras's.

        Raises:
            ArgumentError: for names that don't end in .keras.
        """
        compiling.require_keras_file(filepath)
        super().save(filepath, *args, **kwargs)

    def save_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Writes a .weights.h5 file; in Keras 2's other formats there is no average.

        Raises:
            ArgumentError: for names that don't end in .weights.h5.
        """
        compiling.require_weights_file(filepath)
        super().save_weights(filepath, *args, **kwargs)

    def load_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Takes what `save_weights` wrote, averages included.

        Raises:
            ArgumentError: for other files, and if one of the two models was trained and
                the other one wasn't: averages would be missing, or another model's.
        """
        compiling.require_weights_file(filepath)
        self._require_same_parts(filepath)
        if self.body is None and compiling.has_part(filepath, "body"):  # of Keras 3
            raise ArgumentError(
                f"{filepath}: it is of a model that knows the range of pixels.\nGive "
                "this one input_range=, or call predict first."
            )
        super().load_weights(filepath, *args, **kwargs)

    def _require_same_parts(self, filepath: Any) -> None:
        """Refuses files of weights with more or fewer parts than the model has."""

    def get_config(self) -> Dict[str, Any]:
        """What `from_config` rebuilds the model from, untrained."""
        return {
            "network": keras.saving.serialize_keras_object(self.network),
            "num_classes": self.reader.classes,
            "task": self.keywords.task,
            "method": self.keywords.name,
            "input_range": self.scale.network,
            "floats": self.scale.floats,
            **{k: list(v) if isinstance(v, tuple) else v for k, v in self._arguments},
            **self.keywords.given,
        }

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> BaseModel:
        """Builds the model anew.

        Args:
            config: from `get_config`.
        """
        config = dict(config)
        network = keras.saving.deserialize_keras_object(config.pop("network"))
        floats = config.pop("floats")
        model = cls(network, **config)
        model.take(Scale(floats and tuple(floats), model.scale.network))
        return model

    def get_compile_config(self) -> Dict[str, Any]:
        """What `compile` was given."""
        return self._compiled.get_config()

    def compile_from_config(self, config: Dict[str, Any]) -> None:
        """Compiles as the saved model was."""
        self.compile(**keras.saving.deserialize_keras_object(config))
