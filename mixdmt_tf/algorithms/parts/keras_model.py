"""What Keras promises of every model besides training: evaluate, save and load."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Dict, List, Mapping, Optional

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts import own_state
from mixdmt_tf.algorithms.parts.groups import NETWORK, Group
from mixdmt_tf.equations import cross_entropy

# Attributes that `checkpoints.state` knows by name.
_NAMED = "network teacher peer average optimizer groups means accuracy".split()


class KerasModel(keras.Model):
    """The base class of `base.Algorithm` for everything except training.

    Subclasses are registered with Keras: `method.save("method.keras")` writes network,
    settings, weights, EMA weights, teacher or peer, the method's own state, and
    optimizer. `keras.models.load_model` restores them once the method's module is
    imported.

    Attributes:
        config_class: the `Config` of the method's module, or else of its parent.
        facts_class: the class of `facts`.
        infers_in_steps: whether gradients of a step go through passes in inference
            mode.
    """

    infers_in_steps: bool = False
    config_class: type
    facts_class: type
    groups: Dict[str, Group]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Registers the class under its module's and its own name."""
        super().__init_subclass__(**kwargs)
        cls.config_class = getattr(
            sys.modules[cls.__module__],
            "Config",
            getattr(cls, "config_class", None),
        )
        package, name = cls.__module__, cls.__qualname__
        keras.saving.get_custom_objects().pop(f"{package}>{name}", None)
        keras.saving.register_keras_serializable(package, name)(cls)

    def __init__(self) -> None:
        """Records which attributes belong to Keras."""
        # Keras has set some already; on Keras 3 a method may have as well.
        before = {name for name in vars(self) if not name.startswith("_")}
        super().__init__()
        self._of_keras = frozenset(vars(self)) - before
        self.built = True  # the networks are
        self.accuracy = keras.metrics.Mean(name="accuracy", dtype="float32")

    def compile(
        self,
        optimizer: Any,
        metrics: Optional[List[Any]] = None,
        weighted_metrics: Optional[List[Any]] = None,
        **kwargs: Any,
    ) -> None:
        """Compiles the model as in Keras, and builds the optimizer.

        Unlike in Keras, no metric counts examples or pixels without a label.

        Args:
            optimizer: a Keras optimizer.
            metrics: metrics of labels and logits for `evaluate` and `validation_data`.
            weighted_metrics: more metrics; here the same as `metrics`.
            **kwargs: passed to `keras.Model.compile`.
        """
        before = set(vars(self))
        weighted = [*(metrics or []), *(weighted_metrics or [])] or None
        super().compile(optimizer=optimizer, weighted_metrics=weighted, **kwargs)
        # Otherwise neither checkpoints nor .keras files could restore its variables.
        self.optimizer.build(self.trained_weights)
        self._of_keras |= set(vars(self)) - before

    @property
    def more_optimizers(self) -> Dict[str, Any]:
        """The optimizers other than `optimizer`, by the name of their group."""
        others = {name: each.optimizer for name, each in self.groups.items()}
        others.pop(NETWORK, None)
        return others

    @property
    def own_state(self) -> Dict[str, Any]:
        """The method's state besides its networks, average, optimizer and metrics.

        A method creates this state in `__init__`. It is found automatically
        (`own_state.parts`), saved in checkpoints and restored.

        Returns:
            Trackable objects by path.
        """
        known = [*self.network.weights, *self.average.averages]
        for each in filter(None, [self.teacher, self.peer]):
            known += each.weights
        if getattr(self, "optimizer", None) is not None:
            known += compat.variables(self.optimizer)
        names = vars(self).keys() - self._of_keras - set(_NAMED)
        own = {
            name: vars(self)[name]
            for name in sorted(names)
            if not name.startswith("_self_")  # TensorFlow's notes of what it tracks
        }
        return own_state.parts(own, known)

    @property
    def own_variables(self) -> List[tf.Variable]:
        """The variables in `own_state`."""
        return own_state.variables(self.own_state.values())

    @property
    def metrics(self) -> List[keras.metrics.Metric]:
        """The means of all reported numbers, the accuracy, and the compiled metrics."""
        ours = [*self.means.values(), self.accuracy]
        known = {id(each) for each in ours}
        others = [m for m in super().metrics if id(m) not in known]
        # Keras 3 builds compiled metrics with the first evaluated batch.
        others = [m for m in others if getattr(m, "built", True)]
        compiled = {m.name: m for m in others if m.name != "loss"}
        return [m for m in ours if m.name not in compiled] + list(compiled.values())

    def test_step(self, data: Any) -> Dict[str, tf.Tensor]:
        """Evaluates the raw weights on one batch, in inference mode.

        Args:
            data: (images, labels) or (images, labels, weights): float [B, H, W,
                channels]; integers [B], or [B, H, W] for segmentation; numbers in the
                labels' shape. Labels that are not classes, such as -1 or 255, don't
                count.

        Returns:
            Means so far: `loss` (cross-entropy), `accuracy`, and compiled metrics.
        """
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        classes = self.facts.num_classes
        labels = tf.cast(labels, tf.int32)
        known = (labels >= 0) & (labels < classes)
        counts = tf.cast(known, tf.float32)
        if weights is not None:
            counts *= tf.cast(weights, tf.float32)
        labels = tf.where(known, labels, 0)
        logits = tf.cast(self(images, training=False), tf.float32)
        loss = cross_entropy(tf.one_hot(labels, classes), logits)
        right = tf.argmax(logits, -1, output_type=tf.int32) == labels
        self.means["loss"].update_state(loss, sample_weight=counts)
        self.accuracy.update_state(tf.cast(right, tf.float32), sample_weight=counts)
        results = self.compute_metrics(images, labels, logits, counts)
        trained = self.means.keys() - {"loss"}
        return {name: each for name, each in results.items() if name not in trained}

    def get_config(self) -> Dict[str, Any]:
        """Returns the config from which `from_config` rebuilds the untrained method."""
        facts = dataclasses.asdict(self.facts)
        return {
            "network": keras.saving.serialize_keras_object(self.network),
            "config": dataclasses.asdict(self.config),
            "facts": {
                k: list(v) if isinstance(v, tuple) else v for k, v in facts.items()
            },
            "policy": self.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> KerasModel:
        """Creates the method from its config, with new variables.

        Args:
            config: from `get_config`.

        Raises:
            UsageError: if a setting has a value that isn't allowed.
        """
        return cls.around(
            keras.saving.deserialize_keras_object(config["network"]), config
        )

    @classmethod
    def around(cls, network: keras.Model, config: Mapping[str, Any]) -> KerasModel:
        """Creates the method from its config, around an existing network.

        Args:
            network: a network of the same architecture as the method's.
            config: from `get_config`.
        """
        facts = {
            name: tuple(value) if isinstance(value, (list, tuple)) else value
            for name, value in config["facts"].items()
        }
        before = keras.mixed_precision.global_policy()
        try:
            keras.mixed_precision.set_global_policy(config["policy"])
            return cls(
                network,
                cls.config_class(**config["config"]),
                cls.facts_class(**facts),
            )
        finally:
            keras.mixed_precision.set_global_policy(before)

    def compile_from_config(self, config: Dict[str, Any]) -> None:
        """Compiles the method like the saved one."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def save_own_variables(self, store: Any) -> None:
        """Saves the variables that Keras doesn't find by itself.

        That is: EMA weights, the method's own state, and of optimizers the learning
        rates that callbacks may have set, and the loss scales of float16.
        """
        for i, variable in enumerate(self._variables_to_store()):
            store[str(i)] = variable.numpy()
        for name, variable in self._of_optimizers().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Restores the variables that `save_own_variables` saved.

        Raises:
            ValueError: if their number differs from that of the saved ones.
        """
        variables = self._variables_to_store()
        saved = sum(name.isdigit() for name in store.keys())
        if saved != len(variables):
            raise ValueError(
                f"{type(self).__module__} has {len(variables)} averages and variables "
                f"of its own, and {saved} were saved."
            )
        for i, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(i)]))
        for name, variable in self._of_optimizers().items():
            if name in store.keys():  # older files have none
                variable.assign(np.asarray(store[name]))

    def _variables_to_store(self) -> List[tf.Variable]:
        averages = [] if self.teacher is not None else self.average.averages
        return [*averages, *self.own_variables]

    def _of_optimizers(self) -> Dict[str, tf.Variable]:
        """Loss scales and rates of all groups, if Keras doesn't save them."""
        found: Dict[str, tf.Variable] = {}
        kinds = {
            "loss_scale": own_state.of_loss_scale,
            "learning_rate": own_state.of_rate,
        }
        for name, variables in kinds.items():
            number = 0
            for each in (group.optimizer for group in self.groups.values()):
                listed = {id(compat.tf_variable(v)) for v in compat.variables(each)}
                for variable in variables(each):
                    if id(variable) not in listed:
                        found[f"{name}_{number}"] = variable
                        number += 1
        return found
