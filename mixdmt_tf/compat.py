"""Everything that differs between the two supported stacks, and nothing else.

Stack A is TensorFlow 2.15 with Keras 2.15 and tensorflow-addons (Python 3.9 to 3.11),
stack B is TensorFlow 2.21 with Keras 3.15 (newer Pythons).
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, Iterator, List

import keras
import tensorflow as tf

MAJOR = int(keras.__version__.split(".")[0])
KERAS_3 = MAJOR >= 3
# Keras 3's image layers, and all layers behind them, train unless they are told.
NOT_TRAINING = {"training": False} if KERAS_3 else {}
_WEIGHTS = (tf.Variable, keras.Variable) if KERAS_3 else tf.Variable
_scaling = keras.optimizers if KERAS_3 else keras.mixed_precision


def tf_variable(variable: Any) -> tf.Variable:
    """The `tf.Variable` behind a Keras weight (Keras 3 wraps it, Keras 2 is one)."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def depthwise_kernel(layer: Any) -> Any:
    """The kernel of a `DepthwiseConv2D`."""
    return layer.kernel if KERAS_3 else layer.depthwise_kernel


def is_variable(value: Any) -> bool:
    """Whether it is a `tf.Variable` or a Keras weight."""
    return isinstance(value, _WEIGHTS)


def is_compiled(model: keras.Model) -> bool:
    """Whether `compile` was called."""
    return bool(model.compiled if KERAS_3 else model._is_compiled)


def variables(optimizer: Any) -> List[Any]:
    """All variables of an optimizer (a method in some versions of Keras 2)."""
    found = optimizer.variables
    return list(found() if callable(found) else found)


def slot_index(optimizer: Any, variable: Any) -> int:
    """Where a variable's state is in an optimizer's lists, in the order of `build`."""
    if KERAS_3:
        return optimizer._get_variable_index(variable)
    return optimizer._index_dict[optimizer._var_key(variable)]


def optimizer_state(optimizer: Any) -> Dict[str, Any]:
    """Steps and velocities of SGD or Adam, in lists that both stacks have."""
    inner = optimizer.inner_optimizer if is_loss_scaling(optimizer) else optimizer
    names = ("momentums", "_momentums", "_velocities")
    found = {n.strip("_"): [*getattr(inner, n)] for n in names if hasattr(inner, n)}
    return {"iterations": inner.iterations, **found}


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """In it, models to be looked at have running statistics, and kernels no values."""
    if KERAS_3:
        # What Keras gives values to when any scope ends, on each worker others.
        from keras.src.backend.common import global_state

        name = "uninitialized_variables"
        before = list(global_state.get_global_attribute(name) or ())
        try:
            with keras.StatelessScope(initialize_variables=False):
                yield
        finally:
            global_state.set_global_attribute(name, before)
    else:
        with tf.variable_creator_scope(_without_value):
            yield


def _without_value(next_creator: Callable[..., Any], **settings: Any) -> Any:
    """A variable with a shape alone; there is no public name for such a one."""
    from tensorflow.python.ops.resource_variable_ops import UninitializedVariable

    if settings.get("shape") is None or not settings.get("trainable", True):
        return next_creator(**settings)
    names = ("trainable", "dtype", "name", "shape")
    return UninitializedVariable(**{name: settings[name] for name in names})


def own_code() -> Any:
    """A context in which layers made of a function of Python can be copied."""
    scopes: Any = keras.src.saving.serialization_lib if KERAS_3 else None
    return scopes.SafeModeScope(False) if scopes else contextlib.nullcontext()


def is_loss_scaling(optimizer: Any) -> bool:
    """Whether the optimizer scales the loss (mixed_float16)."""
    return isinstance(optimizer, _scaling.LossScaleOptimizer)


def loss_scaling(optimizer: Any) -> Any:
    """The optimizer with dynamic loss scaling, as Keras wraps it for mixed_float16."""
    return _scaling.LossScaleOptimizer(optimizer)


def scale_loss(optimizer: Any, loss: tf.Tensor) -> tf.Tensor:
    """The loss times the loss scale, where the optimizer has one."""
    if not is_loss_scaling(optimizer):
        return loss
    return optimizer.scale_loss(loss) if KERAS_3 else optimizer.get_scaled_loss(loss)


def before_applying(optimizer: Any, gradients: List[Any]) -> List[Any]:
    """Gradients of a scaled loss as `apply_gradients` takes them: scaled by Keras 3."""
    unscale = is_loss_scaling(optimizer) and not KERAS_3
    return optimizer.get_unscaled_gradients(gradients) if unscale else gradients
