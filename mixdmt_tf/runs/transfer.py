"""Transfer learning: start from the weights of another run.

RealMix section 4.2.3: a network trained on one data set is trained further with a new
output layer on another. Only weights are taken over, nothing of the optimizer: the
other data set's gradients say nothing about this one's.
"""

from __future__ import annotations

import pathlib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import keras

from mixdmt_tf import digests, models
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.runs import trained
from mixdmt_tf.runs.experiment import Experiment, value_of
from mixdmt_tf.runs.run_folder import read_flags
from mixdmt_tf.runs.task import PseudoLabels, Task
from mixdmt_tf.settings import settings_of, to_text

# What each of two networks that teach each other may have of its own.
OWN = ("normalization", "layout")


def initialize(network: keras.Model, task: Task, new_head: bool = False) -> str:
    """Replaces a network's weights by those of the run that `init_from` names.

    A weight is taken over if it has the same place and shape, batch normalization's
    running statistics among them. The output layer stays new unless both runs tell the
    same classes apart.

    Args:
        network: of this run, built.
        task: of this run.
        new_head: whether the output layer stays new in any case: a method's second
            network that began as the first would be its twin for ever.

    Returns:
        A few lines for the user: what was taken over, and what was not.

    Raises:
        UserError: if there is no such run, its network is another one, or nothing fits.
    """
    experiment = task.experiment
    folder = expanded(experiment.run.init_from)
    require_same_network(folder, experiment)
    which = getattr(experiment.method, "snapshot", "last")
    other = trained.load(task, folder, which)
    values = network.get_weights()
    head = {id(weight) for weight in _head(network, experiment)}
    keep_head = new_head or tuple(task.source.class_names) != other.class_names
    new, fresh = [], 0
    given = other.weights(experiment.run.init_weights)
    for place, weight in enumerate(network.weights):
        skipped = keep_head and id(weight) in head
        if skipped or values[place].shape != given[place].shape:
            # Keras 2 writes layer/kernel:0 where Keras 3 has a path.
            name = getattr(weight, "path", weight.name).partition(":")[0]
            new.append(f"{name} {list(weight.shape)}")
            fresh += values[place].size
        else:
            values[place] = given[place]
    if len(new) == len(values):
        raise UserError(
            f"--init_from={folder}: no weight has the shape of one of this network's.\n"
            "Give a run of the same --network, --depth and --width."
        )
    network.set_weights(values)
    kind = {"ema": "averaged", "raw": "raw"}[experiment.run.init_weights]
    taken = sum(value.size for value in values) - fresh
    return (
        f"loaded {len(values) - len(new)} of {len(values)} weights ({taken:,} numbers) "
        f"from {folder}, step {other.step:,}, {kind}\n"
        f"new: {', '.join(new) or 'none'}"
    )


def initialize_second(network: keras.Model, task: Task) -> Optional[str]:
    """Gives a method's second network what the first begins with, but for the head.

    Args:
        network: built, all of its weights random.
        task: of this run.

    Returns:
        What was loaded, as text; None if it starts from random weights.
    """
    if task.experiment.run.init_from:
        return initialize(network, task, new_head=True)
    head = _head(network, task.experiment)
    own = [weight.numpy() for weight in head]
    loaded = task.initialize(network)
    for weight, value in zip(head, own):
        weight.assign(value)
    return loaded and f"{loaded}\nits last layer is new in any case"


def _head(network: keras.Model, experiment: Experiment) -> List[Any]:
    """The weights of the layers that tell classes apart."""
    heads = experiment.network.head
    layers = [e for e in network._flatten_layers() if e.name.startswith(heads)]
    return [weight for layer in layers for weight in layer.weights]


def network_of(folder: pathlib.Path) -> Tuple[str, Any]:
    """Name and settings of the network of a trained run."""
    flags = _network_flags(folder)
    made = models.network(flags["network"])
    values = {
        each.name: value_of(each, flags[each.name])
        for each in settings_of(made)
        if each.name in flags and (each.type == "str" or flags[each.name] != "none")
    }
    return flags["network"], made(**values)


def _network_flags(folder: pathlib.Path) -> Dict[str, str]:
    """A run's flags, with those of the network that its weights belong to."""
    theirs = read_flags(folder)
    own: Mapping[str, Any] = digests.read_json(folder / "data.json")
    theirs.update({k: to_text(v) for k, v in own.get("network", {}).items()})
    return theirs


def require_same_network(folder: pathlib.Path, experiment: Experiment) -> None:
    """Refuses a run folder for `init_from` that has no network like this run's.

    Of two networks that teach each other either may be the result, and the second may
    expect other images than the first: what counts are the settings of the network that
    the weights belong to, which `data.json` has, not those of the run.

    Raises:
        UserError: saying which settings differ.
    """
    flags, data = folder / "flags.txt", folder / "data.json"
    if not flags.is_file() or not data.is_file():
        raise UserError(
            f"--init_from={folder} holds no trained run.\n"
            "Expected the run folder of a training command."
        )
    wrong = _differing(_network_flags(folder), experiment, ())
    if wrong:
        raise UserError(
            f"--init_from={folder} was trained with another network: {wrong}.\n"
            "Give this run the same settings of the network."
        )


def require_labels_of_same_network(
    pseudo: PseudoLabels, experiment: Experiment
) -> None:
    """Refuses pseudo labels of a network unlike this run's.

    A round of DMT continues the run that its labels are of. Labels that don't say whose
    they are, as older files, are taken.

    Raises:
        UserError: saying which settings differ.
    """
    theirs = pseudo.facts.get("network")
    if not theirs:
        return
    wrong = _differing(theirs, experiment, OWN)
    if wrong:
        raise UserError(
            f"--pseudo_labels={experiment.data.pseudo_labels} are of another network: "
            f"{wrong}.\nGive this run the same settings of the network."
        )


def _differing(
    theirs: Mapping[str, str], experiment: Experiment, besides: Sequence[str]
) -> str:
    """Flags of a network that this run's has otherwise; '' if there are none."""
    if theirs.get("network") != experiment.run.network:
        return f"--network={theirs.get('network')}"
    settings = settings_of(type(experiment.network))
    passed_over = {*experiment.network.interchangeable, *besides}
    theirs = {**{each.name: to_text(each.default) for each in settings}, **theirs}
    return " ".join(
        f"--{name}={theirs.get(name)}"
        for name, value in experiment.network_flags().items()
        if name not in passed_over and theirs.get(name) != value
    )
