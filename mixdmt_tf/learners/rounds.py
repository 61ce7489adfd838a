"""Methods in rounds of pseudo labels as a Keras model: `fit` trains all rounds."""

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
    """A network that learns in rounds, as `bin/train` runs them.

    Each stage trains a copy of the network, which begins with new random weights, or
    with the network's own if it is `pretrained`; the network gets the weights of the
    stage that `select_on` chooses.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        """As `TrainedModel`."""
        super().__init__(*args, **kwargs)
        self._average: Optional[MovingAverage] = None

    @property
    def average(self) -> Optional[MovingAverage]:
        """The averaged weights; None: nothing was trained."""
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
            x: labelled images, as `Learner.fit` takes them.
            y: labels of `x`, if that is images alone.
            unlabeled: images; labels that they come with are for reports only.
            epochs: of all stages together: passes of a round's batches over the
                unlabelled images. By default the stages have the lengths of the
                settings, in the papers hundreds of passes each.
            batch_size: labelled images per step of a round.
            steps_per_epoch: instead of a pass.
            validation_data: as `x`; of base models and rounds the best one on them is
                the result (`select_on`).
            workdir: a folder for the run, with checkpoints, charts and
                TensorBoard's files, from which the same call resumes; by default a
                temporary one.
            verbose: 0: nothing is printed.
            **kwargs: none; for the sake of a sentence about them.

        Returns:
            A history with an entry for each stage: what `results.json` says of it.

        Raises:
            UserError: saying what was expected.
        """
        if kwargs.pop("callbacks", None):
            raise ArgumentError(
                "callbacks: a method in rounds trains several networks one after the "
                "other, outside of Keras's fit.\nGive workdir=, and look at its "
                "TensorBoard files, or leave callbacks out."
            )
        compiling.refuse(kwargs, "fit")
        compiling.require_one_device(self.distribute_strategy)
        if self._compiled.optimizer is not None:
            raise ArgumentError(
                "compile: a method in rounds brings an optimizer for each stage.\n"
                "Leave the optimizer out, and give learning_rate= and others as "
                "keywords of the method."
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
                report=False,  # its data set is no file of the package
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
        """Gives the network the weights of the run's result."""
        found = trained.load(task, place, "result")
        self.body.set_weights(found.averaged)
        self._average = MovingAverage(self.body)
        self.body.set_weights(found.raw)

    def _history(self, results: Mapping[str, Any]) -> keras.callbacks.History:
        """The rounds in the form of Keras: a list for each number."""
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
        """Weights and averages."""
        averages = [] if self.average is None else self.average.averages
        return super().state() + [compat.tf_variable(each) for each in averages]

    def save_own_variables(self, store: Any) -> None:
        """Saves the averages, which Keras doesn't find by itself."""
        for i, each in enumerate(self.average.averages if self.average else []):
            store[str(i)] = each.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Restores them, if the model was trained when it was saved."""
        if not len(store.keys()):
            self._average = None
            return
        self._average = MovingAverage(self.network)
        for i, each in enumerate(self._average.averages):
            each.assign(store[str(i)][...])
