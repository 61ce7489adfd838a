"""The Keras model that wraps a user's network: construction, weights and saving."""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Optional, Sequence

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import checking, compiling, networks
from mixdmt_tf.learners.keywords import Keywords
from mixdmt_tf.learners.pixels import Range, Scale, range_given
from mixdmt_tf.learners.reading import Reader
from mixdmt_tf.learners.scores import Scores


class BaseModel(keras.Model):
    """Base class with everything except training and prediction.

    Attributes:
        network: maps images in the range of `scale.network` to logits. It shares its
            layers with the given network (see `networks.logits_of`), and has the raw
            weights of the last step.
        body: the same network for images in -1 to 1; None while the pixel range of the
            network is not known.
        scale: what is known of the pixel ranges.
        keywords: task, method and settings.
        multiple: for segmentation, the sides of images must be multiples of this.
        reader: reads the images and labels that are given to the model.
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
        """See `methods.py` for the arguments; `task` and `method` are file names."""
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
        checking.require_own_layers(logits)
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
        self.reader = Reader(task, shape, num_classes, networks.own_range(logits))
        self.take(Scale(None, input_range and range_given(input_range)))

    @property
    def arguments(self) -> Dict[str, Any]:
        """Constructor arguments other than network, number of classes and settings."""
        return dict(self._arguments)

    def take(self, scale: Scale) -> None:
        """Stores the pixel ranges, and builds `body` once the network's is known."""
        self.scale = scale
        if self.body is None and scale.network is not None:
            self.body = networks.taking(self.network, scale.network)

    def compile(
        self, optimizer: Any = None, metrics: Optional[List[Any]] = None, **kwargs: Any
    ) -> None:
        """Sets the optimizer and metrics. Calling it is optional.

        Args:
            optimizer: a Keras optimizer, or its name; None: the method's own.
            metrics: metrics of class numbers and probabilities that `evaluate` and
                `validation_data` report besides loss and accuracy. Images or pixels
                without a label do not count.
            **kwargs: `run_eagerly`, `jit_compile` and `steps_per_execution`, as in
                Keras.

        Raises:
            ArgumentError: if a loss is given: methods define their own.
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
        """Returns all variables that training changes, except the optimizer's."""
        return [compat.tf_variable(each) for each in self.network.weights]

    def get_weights(self) -> List[np.ndarray]:
        """Returns all of `state`, including the EMA weights, as EarlyStopping needs."""
        return [each.numpy() for each in self.state()]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Restores what `get_weights` returned.

        Raises:
            ArgumentError: if the number of weights differs, as it does before and after
                the first `fit`.
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
        """Saves network, settings, EMA weights, state and optimizer to a .keras file.

        `keras.models.load_model` reads it. The arguments are those of Keras.

        Raises:
            ArgumentError: if the file name doesn't end in .keras.
        """
        compiling.require_keras_file(filepath)
        super().save(filepath, *args, **kwargs)

    def save_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Saves the weights to a .weights.h5 file, including the EMA weights.

        The other formats of Keras 2 would leave out the EMA weights.

        Raises:
            ArgumentError: if the file name doesn't end in .weights.h5.
        """
        compiling.require_weights_file(filepath)
        super().save_weights(filepath, *args, **kwargs)

    def load_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Loads what `save_weights` wrote, including the EMA weights.

        Raises:
            ArgumentError: for other files, and if only one of the two models was
                trained: the EMA weights would be missing, or another model's.
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
        """Rejects weight files with more or fewer parts than the model has."""

    def get_config(self) -> Dict[str, Any]:
        """Returns the config from which `from_config` rebuilds the untrained model."""
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
        """Creates a model from its config.

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
        """Returns the arguments of `compile`."""
        return self._compiled.get_config()

    def compile_from_config(self, config: Dict[str, Any]) -> None:
        """Compiles the model like the saved one."""
        self.compile(**keras.saving.deserialize_keras_object(config))
