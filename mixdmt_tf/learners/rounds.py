"""The Keras model of methods that train in rounds of pseudo labels."""

from __future__ import annotations

import contextlib
import io
import pathlib
import tempfile
from typing import Any, Dict, List, Mapping, Optional

import keras
import tensorflow as tf

from mixdmt_tf import compat, remote
from mixdmt_tf.algorithms.parts.moving_average import MovingAverage
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import arrays, compiling
from mixdmt_tf.learners.trained import TrainedModel
from mixdmt_tf.runs import trained
from mixdmt_tf.tasks import fit as command


@keras.saving.register_keras_serializable("mixdmt_tf")
class RoundsLearner(TrainedModel):
    """A Keras model whose `fit` trains base models and all rounds, as `bin/train` does.

    Each stage trains a copy of the network that starts from new random weights, or from
    the network's own weights if it is `pretrained`. The network gets the weights of the
    stage that `select_on` chooses.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        """See `TrainedModel` for the arguments."""
        super().__init__(*args, **kwargs)
        self._average: Optional[MovingAverage] = None

    @property
    def average(self) -> Optional[MovingAverage]:
        """The EMA weights; None before training."""
        return self._average

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        unlabeled: Any = None,
        epochs: Optional[int] = None,
        batch_size: Optional[int] = None,
        steps_per_epoch: Optional[int] = None,
        validation_data: Any = None,
        workdir: Any = "",
        verbose: Any = "auto",
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains base models and all rounds.

        Args:
            x: labelled images, as in `Learner.fit`.
            y: labels of `x`, if `x` is images alone.
            unlabeled: unlabelled images. If they come with labels, these are used for
                reports only.
            epochs: epochs of all stages together, that is, passes of a round's batches
                over the unlabelled images. By default the settings give the lengths of
                the stages, hundreds of passes each in the papers.
            batch_size: labelled images per step of a round.
            steps_per_epoch: steps per epoch, instead of one pass.
            validation_data: as `x`. The base model or round that is best on them is
                the result (`select_on`).
            workdir: a folder for the run, with checkpoints, charts and TensorBoard
                files, from which the same call resumes. By default a temporary one.
            verbose: 0 prints nothing.
            **kwargs: not used; other arguments of Keras's `fit` raise an error that
                says what to write instead.

        Returns:
            A history with one entry per stage, as in `results.json`.

        Raises:
            UserError: if an argument is invalid, saying what was expected.
        """
        if kwargs.pop("callbacks", None):
            raise ArgumentError(
                "callbacks: a method in rounds trains several networks one after the "
                "other, outside of Keras's fit.\nLeave callbacks out; with workdir=, "
                "TensorBoard shows the progress."
            )
        compiling.refuse(kwargs, "fit")
        compiling.require_one_device(self.distribute_strategy)
        if self._compiled.optimizer is not None:
            raise ArgumentError(
                "compile: a method in rounds creates an optimizer for each stage.\n"
                "Leave the optimizer out, and give learning_rate= and others as "
                "keywords of the method."
            )
        if self.keywords.task == "segmentation" and self.reader.shape[:2] != (
            None,
            None,
        ):
            raise ArgumentError(
                "network: rounds label whole images, of any size.\nBegin it with "
                "keras.Input((None, None, 3))."
            )
        whole = 1 if epochs is None else epochs
        plan = compiling.plan(whole, 0, steps_per_epoch, batch_size)
        given = arrays.read(self, x, y, unlabeled, validation_data)
        batch = plan.batch or self.keywords.batch()
        of_epoch = plan.of_epoch or given.steps_of_pass(self.keywords, batch)
        steps = None if epochs is None else int(epochs) * of_epoch
        with contextlib.ExitStack() as stack:
            stack.enter_context(compiling.as_arguments())
            folder = tempfile.TemporaryDirectory(prefix="mixdmt-rounds-")
            temporary = stack.enter_context(folder)
            place = pathlib.Path(temporary) / "run"
            if workdir:
                place = stack.enter_context(remote.opened(workdir))
            task, split = arrays.task_of(
                self,
                given,
                batch,
                steps=steps,
                workdir=str(place),
                report=False,  # its data set is not a file of the package
            )
            file = pathlib.Path(temporary) / "split.json"
            write_split(file, split)
            experiment = task.experiment.replace({"split": str(file)})
            quiet = contextlib.redirect_stdout(io.StringIO())
            with quiet if verbose in (0, "0") else contextlib.nullcontext():
                results = command.train(experiment, task.source)
            self._take_weights(task, place)
        return self._history(results)

    def _take_weights(self, task: Any, place: pathlib.Path) -> None:
        """Loads the weights of the run's result into the network."""
        found = trained.load(task, place, "result")
        self.body.set_weights(found.averaged)
        self._average = MovingAverage(self.body)
        self.body.set_weights(found.raw)

    def _history(self, results: Mapping[str, Any]) -> keras.callbacks.History:
        """Returns the rounds as a Keras history: a list for each number."""
        history = keras.callbacks.History()
        history.set_model(self)
        history.on_train_begin()
        for number, entry in enumerate(results["rounds"]):
            numbers = {k: v for k, v in entry.items() if isinstance(v, (int, float))}
            history.on_epoch_end(number, numbers)
        self.history = history
        self.results: Dict[str, Any] = dict(results)
        return history

    def state(self) -> List[tf.Variable]:
        """Returns the weights and the EMA weights."""
        averages = [] if self.average is None else self.average.averages
        return super().state() + [compat.tf_variable(each) for each in averages]

    def save_own_variables(self, store: Any) -> None:
        """Saves the EMA weights, which Keras doesn't find by itself."""
        for i, each in enumerate(self.average.averages if self.average else []):
            store[str(i)] = each.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Restores the EMA weights, if the model was trained when it was saved."""
        if not len(store.keys()):
            self._average = None
            return
        self._average = MovingAverage(self.network)
        for i, each in enumerate(self._average.averages):
            each.assign(store[str(i)][...])
