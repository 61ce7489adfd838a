"""The one training step of the package; an algorithm only states its losses.

The step: losses, their means over the rows of all replicas, loss scaling, gradients,
optimizer, multiplicative weight decay, moving average of the weights, metrics. It is
the same under float32, mixed_bfloat16 and mixed_float16, on one device and under
`tf.distribute.MirroredStrategy`, in `model.fit` and in the command line's loop.
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
    """How weights are updated; defaults are MixMatch's (section 4 and release).

    Any method can be trained with any of these, so that methods can be compared on the
    same footing; a method that was published with others redeclares them.
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
        """Refuses values out of range, or that don't go together, with UsageError."""
        check(settings_of(type(self)), self)
        if self.optimizer == "adam" and self.weight_decay_form != "multiply":
            raise UsageError(
                f"--weight_decay_form={self.weight_decay_form} needs --optimizer=sgd: "
                "Adam would divide the decay by the size of the gradients.\n"
                "Use --weight_decay_form=multiply with --optimizer=adam."
            )

    def for_run(self, steps: int) -> Config:
        """These settings with what they leave open filled in for a run's length.

        Args:
            steps: of the run.
        """
        warmup = lengths.ema_warmup(self.ema_decay, steps)
        return lengths.filled_in(self, ema_warmup=warmup)


Losses = Tuple[Dict[str, Term], Dict[str, Reported]]


class Algorithm(KerasModel):
    """A network and the way to train it; subclasses write `recipe` and `step_losses`.

    >>> model = RealMix(network, RealMix.config_class(), RunFacts(10, 250, 1000))
    >>> model.compile()
    >>> model.fit(pipeline.dataset(0, 1000))

    Variables of its own that a method makes in `__init__` (anything that TensorFlow
    tracks) are saved and restored with the rest: see `own_state`.

    Attributes:
        reported: names of everything `step_losses` returns, terms and reports; they
            become the metrics of the step.
        loop: 'rounds' if it is trained by rounds/loop.py, else 'single'.
        has_teacher: whether the method predicts with the averaged weights, too.
        teacher: then, a copy of `network` whose trainable weights are the averages;
            None otherwise. Its own running statistics are not used.
        groups: weights and their optimizers by name, once compiled: `trained_weights`,
            'network', and what `more_groups` adds.
        weighs_labels: whether `step_losses` itself counts labels by `x_weight`; for the
            other methods the step does.
        several_labels: whether the method serves images with several labels, too: y is
            then int32 [b, L], each label 0, 1 or -1 for unknown, logits are [b, L, 2],
            and a label of an image is what a pixel is in segmentation.
        has_peer: whether the method trains a second network along with the first.
        peer: then, a copy of `network` with initial weights of its own; None otherwise.
            It has no averages and is neither evaluated nor exported.
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
            network: float images [B, H, W, channels] to float32 logits [B, C].
            config: the algorithm's own `Config`; what it leaves open is filled in for
                the run's length.
            facts: what it must know of the run.
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
        """What the batches must hold."""
        raise NotImplementedError

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> Losses:
        """The loss terms of one step and the numbers to log, on one replica's rows."""
        raise NotImplementedError

    def compile(self, optimizer: Optional[Any] = None, **kwargs: Any) -> None:
        """Chooses the optimizer: by default what the settings say.

        Under the mixed_float16 policy Keras wraps it in dynamic loss scaling.

        Args:
            optimizer: any Keras optimizer.
            **kwargs: handed to `KerasModel.compile`, such as `metrics` for `evaluate`;
                what training reports is `reported`.
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
        """What the optimizer moves: weights of the network, then of the peer.

        A method with further layers of its own adds theirs.
        """
        peers = self.peer.trainable_variables if self.has_peer else []
        return [*self.network.trainable_variables, *peers]

    def more_groups(self) -> Dict[str, Group]:
        """Weights that have an optimizer of their own, such as those of an adversary.

        A method that has some makes their layers in `__init__`, and names the group in
        the terms that it learns. No group's terms move another group's weights.
        """
        return {}

    def begin(self, pipeline: Any) -> None:
        """Called before the first step of a run, not when it is resumed.

        Args:
            pipeline: the run's batches and images; `data/classification/pipeline.py`
                or `data/segmentation/pipeline.py`.
        """

    def weights_replaced(self) -> None:
        """Has averages and teacher begin anew, after weights of another run came in."""
        if self.teacher is not None:  # what is not trained has no average
            self.teacher.set_weights(self.network.get_weights())
        self.average.restart()

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Logits of the raw (not averaged) weights."""
        return self.network(images, training=training)

    def train_step(
        self, data: Dict[str, tf.Tensor], earlier: Optional[GradientSums] = None
    ) -> Dict[str, tf.Tensor]:
        """One step on one replica's rows of a batch.

        Args:
            data: a batch as `mixdmt_tf.data.recipe.Recipe` describes it.
            earlier: gradients of the other parts of the step's batch, if this is one.

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
        """Those of this replica's share of the loss times loss scales: `by_count`."""
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
        """Decays the kernels, then moves the average; on all replicas alike."""
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
            # Without an average the last weights themselves, not what rounding leaves.
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
