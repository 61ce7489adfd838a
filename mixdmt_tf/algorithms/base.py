"""The one training step of the package; an algorithm only states its losses.

The step computes the losses and their means over the rows of all replicas, scales the
loss, computes gradients, applies the optimizer and multiplicative weight decay, and
updates the EMA weights and metrics. It is the same under float32, mixed_bfloat16 and
mixed_float16, on one device and under `tf.distribute.MirroredStrategy`, in `model.fit`
and in the command line's loop.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf import compat, lengths
from mixdmt_tf.algorithms.parts import groups, optimizers
from mixdmt_tf.algorithms.parts.gradient_sums import GradientSums, Shares
from mixdmt_tf.algorithms.parts.groups import Group
from mixdmt_tf.algorithms.parts.keras_model import KerasModel
from mixdmt_tf.algorithms.parts.means import Reported, update
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.algorithms.parts.run_facts import RunFacts
from mixdmt_tf.algorithms.parts.terms import Term, by_count, counted, mean_over_replicas
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import decay_weight, ema, ema_decay_warmup
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.copies import copied
from mixdmt_tf.models.layers.normalization import average_statistics
from mixdmt_tf.settings import check, setting, settings_of


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of weight updates; defaults are MixMatch's (section 4 and release).

    Any method can be trained with any of these settings, so that methods can be
    compared fairly. A method that was published with other values overrides them.
    """

    optimizer: str = setting(
        "adam",
        "adam, or sgd with momentum (as torch and TensorFlow 1 define it)",
        choices=("adam", "sgd"),
    )
    learning_rate: float = setting(0.002, "learning rate at the start", low=0.0)
    learning_rate_steps: Optional[int] = setting(
        None,
        "steps of the run that learning_rate is meant for: a longer run has a rate "
        "that is smaller in proportion; none: the same rate in runs of any length",
        low=1,
    )
    learning_rate_schedule: str = setting(
        "constant",
        "cosine_7_16: times cos(7 pi t / 16 T), as UDA and FixMatch; cosine: to zero "
        "at the end of the run; poly: times (1 - t/T)^.9, as DeepLab",
        choices=("constant", "cosine_7_16", "cosine", "poly"),
    )
    adam_epsilon: float = setting(
        1e-8, "epsilon of Adam (the papers' is 1e-8, Keras's default 1e-7)", low=0.0
    )
    momentum: float = setting(0.9, "momentum of sgd", low=0.0, high=1.0)
    nesterov: bool = setting(False, "Nesterov's form of the momentum of sgd")
    weight_decay: float = setting(
        0.02, "strength of the weight decay, whose form is weight_decay_form", low=0.0
    )
    weight_decay_form: str = setting(
        "multiply",
        "multiply: kernels times 1 - weight_decay * learning_rate after each step; l2: "
        "weight_decay times the weight is added to the gradient of all weights; "
        "l2_kernels: of kernels (l2 with sgd only)",
        choices=("multiply", "l2", "l2_kernels"),
    )
    ema_decay: float = setting(
        0.999,
        "decay of the moving average of the weights that is evaluated and exported",
        low=0.0,
        high=1.0,
    )
    ema_warmup: Optional[bool] = setting(
        None,
        "use min(ema_decay, (1 + t) / (10 + t)) at step t: an average of .999 still "
        "carries the initial weights after 2,000 steps; default: in runs of less than "
        "20 / (1 - ema_decay) steps",
        by_length=True,
    )

    def __post_init__(self) -> None:
        """Raises UsageError if values are out of range or don't fit together."""
        check(settings_of(type(self)), self)
        if self.optimizer == "adam" and self.weight_decay_form != "multiply":
            raise UsageError(
                f"--weight_decay_form={self.weight_decay_form} needs --optimizer=sgd: "
                "Adam would divide the decay by the size of the gradients.\n"
                "Use --weight_decay_form=multiply with --optimizer=adam."
            )

    def for_run(self, steps: int) -> Config:
        """Returns these settings with unset values filled in for the run's length.

        Args:
            steps: number of steps of the run.
        """
        warmup = lengths.ema_warmup(self.ema_decay, steps)
        return lengths.filled_in(self, ema_warmup=warmup)


Losses = Tuple[Dict[str, Term], Dict[str, Reported]]


class Algorithm(KerasModel):
    """A Keras model that trains a network; subclasses define `recipe`, `step_losses`.

    >>> model = RealMix(network, RealMix.config_class(), RunFacts(10, 250, 1000))
    >>> model.compile()
    >>> model.fit(pipeline.dataset(0, 1000))

    Variables that a method creates in `__init__` (anything that TensorFlow tracks) are
    saved and restored with the rest: see `own_state`.

    Attributes:
        reported: names of all terms and reports that `step_losses` returns; they become
            the metrics of the step.
        loop: 'rounds' if the method is trained by rounds/loop.py, else 'single'.
        has_teacher: whether the method also predicts with the EMA weights.
        teacher: if `has_teacher`, a copy of `network` whose trainable weights are the
            EMA weights, else None. Its own running statistics are not used.
        groups: weights and their optimizers by name, once compiled: `trained_weights`
            as 'network', and those of `more_groups`.
        weighs_labels: whether `step_losses` itself applies the label weights
            `x_weight`; for other methods the training step applies them.
        several_labels: whether the method supports multi-label images. y is then int32
            [b, L], each label 0, 1 or -1 for unknown, logits are [b, L, 2], and each
            label of an image is treated like a pixel in segmentation.
        has_peer: whether the method trains a second network along with the first.
        peer: if `has_peer`, a copy of `network` with its own initial weights, else
            None. It has no EMA weights and is neither evaluated nor exported.
    """

    facts_class = RunFacts
    reported: Tuple[str, ...] = ()
    loop: str = "single"
    has_teacher: bool = False
    weighs_labels: bool = False
    several_labels: bool = False
    has_peer: bool = False

    def __init__(self, network: keras.Model, config: Config, facts: RunFacts):
        """Wraps a built network.

        Args:
            network: maps float images [B, H, W, channels] to float32 logits [B, C].
            config: the algorithm's own `Config`; unset values are filled in for the
                run's length.
            facts: facts about the run that the method needs.
        """
        super().__init__()
        self.network = network
        self.config = config.for_run(facts.steps)
        self.facts = facts
        self.teacher = copied(network) if self.has_teacher else None
        self.peer = copied(network) if self.has_peer else None
        self.groups: Dict[str, Group] = {}
        self.average = MovingAverage(network, self.teacher)
        self.means = {
            name: keras.metrics.Mean(name=name, dtype="float32")
            for name in ("loss",) + self.reported
        }

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Returns what the batches must contain."""
        raise NotImplementedError

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> Losses:
        """Computes a step's loss terms and numbers to log, on one replica's rows."""
        raise NotImplementedError

    def compile(self, optimizer: Optional[Any] = None, **kwargs: Any) -> None:
        """Sets the optimizer, by default the one of the settings.

        Under the mixed_float16 policy Keras wraps it in dynamic loss scaling.

        Args:
            optimizer: any Keras optimizer.
            **kwargs: passed to `KerasModel.compile`, such as `metrics` for `evaluate`.
                The metrics of training are those in `reported`.
        """
        rate = optimizers.learning_rate(self.config, self.facts.steps)
        if optimizer is None:
            optimizer = optimizers.optimizer(self.config, rate, self.facts.rates)
        super().compile(optimizer, **kwargs)
        config, scaling = self.config, compat.is_loss_scaling(self.optimizer)
        multiply = config.weight_decay_form == "multiply"
        own = Group(
            self.trained_weights,
            self.optimizer,
            rate,
            config.weight_decay if multiply else 0.0,
            self.facts.rates,
        )
        more = {name: each.built(scaling) for name, each in self.more_groups().items()}
        self.groups = {groups.NETWORK: own, **more}

    @property
    def trained_weights(self) -> List[Any]:
        """The weights that the optimizer updates: the network's, then the peer's.

        A method with further layers adds their weights.
        """
        peers = self.peer.trainable_variables if self.has_peer else []
        return [*self.network.trainable_variables, *peers]

    def more_groups(self) -> Dict[str, Group]:
        """Returns weights with a separate optimizer, such as those of a discriminator.

        The method creates their layers in `__init__`, and names the group in the terms
        that train it. The terms of one group never update the weights of another.
        """
        return {}

    def begin(self, pipeline: Any) -> None:
        """Prepares a run; called before its first step, not when it is resumed.

        Args:
            pipeline: the run's batches and images; `data/classification/pipeline.py`
                or `data/segmentation/pipeline.py`.
        """

    def weights_replaced(self) -> None:
        """Restarts EMA weights and teacher after loading the weights of another run."""
        if self.teacher is not None:  # weights that are not trained have no average
            self.teacher.set_weights(self.network.get_weights())
        self.average.restart()

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the logits of the raw (not averaged) weights."""
        return self.network(images, training=training)

    def train_step(
        self, data: Dict[str, tf.Tensor], earlier: Optional[GradientSums] = None
    ) -> Dict[str, tf.Tensor]:
        """Performs one training step on one replica's rows of a batch.

        Args:
            data: a batch, see `data/*/pipeline.py`.
            earlier: gradients of the batch's other parts, if `data` is the last part.

        Returns:
            The means of all reported numbers.
        """
        shares = self.gradients(data, in_parts=earlier is not None)
        found = shares[0][0] if earlier is None else earlier.finish(shares)
        groups.descend(self.groups, found)
        for network in filter(None, (self.network, self.peer)):
            average_statistics(network)
        self._decay_and_average(data["step"])
        return {name: metric.result() for name, metric in self.means.items()}

    def gradients(self, data: Dict[str, tf.Tensor], in_parts: bool = False) -> Shares:
        """Computes gradients of this replica's share of the scaled loss: `by_count`."""
        with tf.GradientTape(persistent=True) as tape:
            terms, reports = self.step_losses(data)
            terms = counted(terms, data, weighed=self.weighs_labels)
            means = {name: mean_over_replicas(term) for name, term in terms.items()}
            loss = groups.losses(self.groups, terms, means)[groups.NETWORK]
            shares = by_count(terms) if in_parts else [(terms, 1.0)]
            scaled = [(groups.scaled(self.groups, e, means), n) for e, n in shares]
        update(self.means, {"loss": loss, **means}, reports)
        return [(groups.gradients(self.groups, tape, e), n) for e, n in scaled]

    def _decay_and_average(self, step: tf.Tensor) -> None:
        """Decays the kernels, then updates the EMA weights, on all replicas alike."""
        config = self.config
        decay = tf.constant(config.ema_decay, tf.float32)
        if config.ema_warmup:
            decay = ema_decay_warmup(step, config.ema_decay)
        decaying = [
            (each.weight_decay, each.decaying(step)) for each in self.groups.values()
        ]

        def decay_kernel(weight, strength, rate):
            weight.assign(decay_weight(weight, strength, rate))

        def move(average, weight, decay):
            # With decay 0, assign the weights themselves to avoid rounding errors.
            average.assign(ema(average, weight, decay) if config.ema_decay else weight)

        def update(strategy, decay):
            for strength, kernels in decaying:
                for weight, rate in kernels:
                    strategy.extended.update(
                        weight, decay_kernel, args=(strength, rate)
                    )
            for weight, average in self.average.pairs():
                strategy.extended.update(average, move, args=(weight, decay))

        tf.distribute.get_replica_context().merge_call(update, args=(decay,))
