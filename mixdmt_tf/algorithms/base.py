"""The one training step of the package; an algorithm only states its losses.

The step: losses, their means over the rows of all replicas, loss scaling, gradients,
optimizer, multiplicative weight decay, moving average of the weights, metrics. It is
the same under float32, mixed_bfloat16 and mixed_float16, on one device and under
`tf.distribute.MirroredStrategy`, in `model.fit` and in the command line's loop.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Tuple, Union

import keras
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.data.recipe import Recipe
from mixdmt_tf.equations import decay_weight, ema, ema_decay_warmup, masked_mean
from mixdmt_tf.settings import check, setting, settings_of


@dataclasses.dataclass(frozen=True)
class Config:
    """What all methods of the MixMatch family share: MixMatch section 4 and release."""

    learning_rate: float = setting(0.002, "learning rate of Adam, constant", low=0.0)
    adam_epsilon: float = setting(
        1e-8, "epsilon of Adam (the papers' is 1e-8, Keras's default 1e-7)", low=0.0
    )
    weight_decay: float = setting(
        0.02,
        "after each step kernels are multiplied by 1 - weight_decay * learning_rate",
        low=0.0,
    )
    ema_decay: float = setting(
        0.999,
        "decay of the moving average of the weights that is evaluated and exported",
        low=0.0,
        high=1.0,
    )
    ema_warmup: bool = setting(
        False,
        "use min(ema_decay, (1 + t) / (10 + t)) at step t: an average of .999 still "
        "carries the initial weights after 2,000 steps",
    )

    def __post_init__(self) -> None:
        """Refuses values out of range with a UsageError."""
        check(settings_of(type(self)), self)


@dataclasses.dataclass(frozen=True)
class Task:
    """What an algorithm must know of the run besides its own settings.

    Attributes:
        num_classes: C.
        labels: number of labelled images.
        steps: length of the whole run, for schedules.
    """

    num_classes: int
    labels: int
    steps: int


@dataclasses.dataclass(frozen=True)
class Term:
    """One term of a loss: values per row, which rows count, and a weight.

    The base takes the mean over the rows that count, on all replicas together.

    Attributes:
        values: float32 [n].
        mask: float32 [n] of zeros and ones, None for all rows.
        weight: the factor of this term in the total loss.
    """

    values: tf.Tensor
    mask: Optional[tf.Tensor] = None
    weight: Union[float, tf.Tensor] = 1.0


# A number to log: a tensor, or (values, which of them count).
Reported = Union[tf.Tensor, Tuple[tf.Tensor, tf.Tensor]]
Losses = Tuple[Dict[str, Term], Dict[str, Reported]]


class Algorithm(keras.Model):
    """A network and the way to train it; subclasses write `recipe` and `losses`.

    >>> model = realmix.Method(network, realmix.Config(), Task(10, 250, 1000))
    >>> model.compile()
    >>> model.fit(pipeline.dataset(0, 1000))

    Attributes:
        reported: names of everything `losses` returns, terms and reports; they become
            the metrics of the step.
    """

    reported: Tuple[str, ...] = ()

    def __init__(self, network: keras.Model, config: Config, task: Task):
        """Wraps a built network.

        Args:
            network: float images [B, H, W, channels] to float32 logits [B, C].
            config: the algorithm's own `Config`.
            task: facts of the run.
        """
        super().__init__()
        self.network = network
        self.config = config
        self.task = task
        self.average = MovingAverage(network)
        self.means = {
            name: keras.metrics.Mean(name=name, dtype="float32")
            for name in ("loss",) + self.reported
        }

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """What the batches must hold."""
        raise NotImplementedError

    def losses(self, batch: Dict[str, tf.Tensor]) -> Losses:
        """The loss terms of one step and the numbers to log, on one replica's rows."""
        raise NotImplementedError

    def compile(self, optimizer: Optional[Any] = None, **kwargs: Any) -> None:
        """Chooses the optimizer: by default Adam as the papers set it.

        Under the mixed_float16 policy Keras wraps it in dynamic loss scaling.

        Args:
            optimizer: any Keras optimizer.
            **kwargs: handed to `keras.Model.compile`.
        """
        if optimizer is None:
            optimizer = keras.optimizers.Adam(
                self.config.learning_rate, epsilon=self.config.adam_epsilon
            )
        super().compile(optimizer=optimizer, **kwargs)

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Logits of the raw (not averaged) weights."""
        return self.network(images, training=training)

    @property
    def metrics(self) -> List[keras.metrics.Metric]:
        """The means of all reported numbers since they were last reset."""
        return list(self.means.values())

    def train_step(self, data: Dict[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
        """One step on one replica's rows of a batch.

        Args:
            data: a batch as `mixdmt_tf.data.recipe.Recipe` describes it.

        Returns:
            The means of all reported numbers.
        """
        with tf.GradientTape() as tape:
            terms, reports = self.losses(data)
            means = {name: mean_over_replicas(term) for name, term in terms.items()}
            loss = tf.add_n([means[name] * terms[name].weight for name in terms])
            scaled = compat.scale_loss(self.optimizer, loss)
        variables = self.network.trainable_variables
        gradients = tape.gradient(scaled, variables)
        compat.apply_scaled_gradients(self.optimizer, gradients, variables)
        self._decay_and_average(data["step"])

        # Means over all replicas were divided by the rows of all: undo it for the
        # metrics, which average over replicas themselves.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self.means["loss"].update_state(loss * replicas)
        for name, mean in means.items():
            self.means[name].update_state(mean * replicas)
        for name, value in reports.items():
            values, mask = value if isinstance(value, tuple) else (value, None)
            self.means[name].update_state(values, sample_weight=mask)
        return {name: metric.result() for name, metric in self.means.items()}

    def _decay_and_average(self, step: tf.Tensor) -> None:
        """Decays the kernels, then moves the average; on all replicas alike."""
        config = self.config
        decay = tf.constant(config.ema_decay, tf.float32)
        if config.ema_warmup:
            decay = ema_decay_warmup(step, config.ema_decay)

        def decay_kernel(weight):
            weight.assign(
                decay_weight(weight, config.weight_decay, config.learning_rate)
            )

        def move(average, weight, decay):
            average.assign(ema(average, weight, decay))

        def update(strategy, decay):
            for weight, average in self.average.pairs():
                if config.weight_decay and "kernel" in weight.name:
                    strategy.extended.update(weight, decay_kernel)
                strategy.extended.update(average, move, args=(weight, decay))

        tf.distribute.get_replica_context().merge_call(update, args=(decay,))


class MovingAverage(tf.Module):
    """An exponential moving average of the trainable weights.

    It starts from the initial weights and has no bias correction (MixMatch
    `libml/utils.py`). Batch normalization's running statistics are not averaged
    again; with averaged weights they are used as they are.
    """

    def __init__(self, network: keras.Model):
        """Copies the network's trainable weights."""
        super().__init__()
        self.weights = [compat.tf_variable(w) for w in network.trainable_variables]
        self.averages = [
            tf.Variable(tf.identity(w), trainable=False, name="average")
            for w in self.weights
        ]

    def pairs(self) -> List[Tuple[tf.Variable, tf.Variable]]:
        """(weight, its average) for all trainable weights."""
        return list(zip(self.weights, self.averages))

    def in_network(self, network: keras.Model) -> List[Any]:
        """All weights in the network's order, trainable ones replaced by averages.

        Returns:
            NumPy arrays as `network.set_weights` takes them.
        """
        averages = {id(weight): average for weight, average in self.pairs()}
        weights = map(compat.tf_variable, network.weights)
        return [averages.get(id(weight), weight).numpy() for weight in weights]


def mean_over_replicas(term: Term) -> tf.Tensor:
    """This replica's share of the mean of a term over the rows of all replicas.

    The shares of all replicas add up to sum(mask * values) / max(sum(mask), 1), and so
    do their gradients, which optimizers sum. This is the only place that knows of
    replicas in a loss.
    """
    mask = tf.ones_like(term.values) if term.mask is None else term.mask
    rows = tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.SUM, tf.stop_gradient(tf.reduce_sum(mask))
    )
    return masked_mean(term.values, mask, rows)
