"""A Keras model that trains the user's network with a method when `fit` is called.

Batches and training step are those of the command line: the pipelines of `data/` make
batches as a pure function of seed and step, and `algorithms/base.py` has the step.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import keras
import tensorflow as tf

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.algorithms.parts import own_state
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import arrays, compiling, state
from mixdmt_tf.learners.reading import batched
from mixdmt_tf.learners.trained import TrainedModel


@keras.saving.register_keras_serializable("mixdmt_tf")
class Learner(TrainedModel):
    """A Keras model that a method trains on labelled and unlabelled images.

    Attributes:
        algorithm: the method in training; None before the first `fit`.
        trained_on: fingerprint of the images of the last `fit`, in their order.
    """

    algorithm: Optional[Algorithm] = None
    trained_on: str = ""

    @property
    def average(self) -> Optional[MovingAverage]:
        """The EMA weights; None before training."""
        return None if self.algorithm is None else self.algorithm.average

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        unlabeled: Any = None,
        epochs: int = 1,
        batch_size: Optional[int] = None,
        steps_per_epoch: Optional[int] = None,
        validation_data: Any = None,
        validation_freq: Any = 1,
        callbacks: Any = None,
        verbose: Any = "auto",
        initial_epoch: int = 0,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains the network, starting from its current weights.

        Schedules, EMA weights and the optimizer start anew, unless `initial_epoch` says
        that this call continues earlier training.

        Args:
            x: labelled images: (images, labels), or a `tf.data` set of such pairs,
                batched or not; or images alone, with `y`. uint8, or float in 0 to 1, -1
                to 1 or 0 to 255; they are stored as uint8.
            y: labels of `x`, class numbers.
            unlabeled: unlabelled images, in one of these forms. If they come with
                labels, these are used for reports only.
            epochs: passes over the unlabelled images, or over the labelled ones for
                methods that learn from labels alone.
            batch_size: labelled images per step; by default as in the method's paper.
                The method determines the number of unlabelled images for each.
            steps_per_epoch: steps per epoch, instead of one pass.
            validation_data: as `x`; evaluated with the EMA weights.
            validation_freq: as in Keras.
            callbacks: as in Keras.
            verbose: as in Keras.
            initial_epoch: epoch at which an earlier `fit` stopped, also of a model that
                was saved and loaded.
            **kwargs: not used; other arguments of Keras's `fit` raise an error that
                says what to write instead.

        Raises:
            ArgumentError: if an argument is invalid, saying what was expected.
        """
        compiling.refuse(kwargs, "fit")
        compiling.require_one_device(self.distribute_strategy)
        compiling.require_usable(callbacks)
        plan = compiling.plan(epochs, initial_epoch, steps_per_epoch, batch_size)
        given = arrays.read(self, x, y, unlabeled, validation_data)
        batch = plan.batch or self.keywords.batch()
        steps = plan.of_epoch or given.steps_of_pass(self.keywords, batch)
        epochs, initial_epoch = int(epochs), int(initial_epoch)
        with compiling.as_arguments():
            task, split = arrays.task_of(self, given, batch, steps=steps * epochs)
            pipeline = task.pipeline(split, None, 1)
            config = task.experiment.method
            if (
                config.learning_rate_schedule != "constant"
                and self._compiled.optimizer is None
            ):
                compiling.require_no_rates(callbacks)
            if initial_epoch:
                self._require_same_images(config, split.fingerprint)
            self._begin(config, task.facts(split), initial_epoch > 0)
        self.trained_on = split.fingerprint
        if not initial_epoch:
            if self.algorithm.has_peer:  # initialized like the copies of rounds
                task.initialize(self.algorithm.peer)
            task.begin(self.algorithm, pipeline, None)
        self._keras_compile(self.algorithm.optimizer, steps)
        held_out = given.validation
        return super().fit(
            pipeline.dataset(initial_epoch * steps, epochs * steps),
            epochs=epochs,
            steps_per_epoch=steps,
            initial_epoch=initial_epoch,
            validation_data=None if held_out is None else batched(held_out, batch),
            validation_freq=validation_freq,
            callbacks=callbacks,
            verbose=verbose,
        )

    def _require_same_images(self, config: Any, found: str) -> None:
        """Rejects other images if the method keeps a state for each image."""
        recipe = self.keywords.method.recipe(config)
        if getattr(recipe, "indices", False) and self.trained_on not in ("", found):
            raise ArgumentError(
                "initial_epoch: the method keeps a state for each image, and these are "
                "other images, or in another order.\nGive the same in the same order "
                "(a set with shuffle changes it each time), or leave initial_epoch out."
            )

    def _begin(self, config: Any, facts: Any, goes_on: bool) -> None:
        """Creates the method for one `fit`, new or with the state of the last `fit`."""
        before = self.algorithm
        if goes_on and before is None:
            raise ArgumentError(
                "initial_epoch: the model has not been trained before.\nLeave it out, "
                "or load a model that was saved in training."
            )
        policy = (before or self).dtype_policy.name  # a program may have changed it
        made = {"config": vars(config), "facts": vars(facts), "policy": policy}
        algorithm = self.keywords.method.around(self.body, made)
        # A later `fit` and saved files have the learning rate of this one.
        self._compiled = self._compiled.fresh(before)
        algorithm.compile(self._compiled.optimizer)
        if goes_on:
            rates = own_state.of_rate(algorithm.optimizer)
            compiled = [rate.numpy() for rate in rates]
            state.take_over(algorithm, before)
            if self._compiled.optimizer is not None:  # whose rate may be a new one
                for rate, value in zip(rates, compiled):
                    rate.assign(value)
        self._take_up(algorithm)

    def _take_up(self, algorithm: Algorithm) -> None:
        """Trains with this method from now on.

        Training and evaluation share one loss metric, since Keras allows a name once.
        """
        self.algorithm = algorithm
        self._scores.metrics["loss"] = algorithm.means["loss"]

    def train_step(self, data: Dict[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
        """Performs one training step of the method on a batch of its pipeline."""
        return self.algorithm.train_step(data)

    @property
    def training_metrics(self) -> List[keras.metrics.Metric]:
        """The method's metrics except the loss, which is among the scores."""
        means = {} if self.algorithm is None else self.algorithm.means
        return [each for name, each in means.items() if name != "loss"]

    def state(self) -> List[tf.Variable]:
        """Returns weights, EMA weights, and all other variables of the method."""
        more = [] if self.algorithm is None else state.variables(self.algorithm)
        return super().state() + more

    def _require_same_parts(self, filepath: Any) -> None:
        trained = compiling.has_part(filepath, "algorithm")
        if trained is None or trained == (self.algorithm is not None):
            return
        words = ("was", "wasn't") if trained else ("wasn't", "was")
        raise ArgumentError(
            f"{filepath}: it is of a model that {words[0]} trained, and this one "
            f"{words[1]}; averages would be {'missing' if trained else 'others'}.\n"
            "model.save writes .keras files, and keras.models.load_model takes "
            "all of them."
        )

    def get_config(self) -> Dict[str, Any]:
        """Returns the config from which `from_config` rebuilds the untrained model."""
        trained = self.algorithm and self.algorithm.get_config()
        kept = ("config", "facts", "policy")
        return {
            **super().get_config(),
            "algorithm": trained and {name: trained[name] for name in kept},
            "trained_on": self.trained_on,
        }

    @classmethod
    def from_config(cls, config: Dict[str, Any]) -> Learner:
        """Creates a model from its config, with the method as it was in training.

        Args:
            config: from `get_config`.
        """
        config = dict(config)
        trained, images = config.pop("algorithm"), config.pop("trained_on", "")
        model = super().from_config(config)
        model.trained_on = images
        if trained:
            model._take_up(model.keywords.method.around(model.body, trained))
        return model

    def compile_from_config(self, config: Dict[str, Any]) -> None:
        """Compiles the model and its method like the saved ones."""
        super().compile_from_config(config)
        if self.algorithm is not None:
            self.algorithm.compile(self._compiled.optimizer)
            self._keras_compile(self.algorithm.optimizer)
