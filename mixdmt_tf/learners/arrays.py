"""Turns the arguments of `fit` into the data set and task of a command-line run."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import networks, sources
from mixdmt_tf.learners.keywords import Keywords
from mixdmt_tf.learners.sources import Augmentation, Part
from mixdmt_tf.learners.trained import TrainedModel
from mixdmt_tf.runs.task import Task
from mixdmt_tf.tasks import open_task


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """All images of one `fit`.

    Attributes:
        labeled: labelled training images.
        unlabeled: unlabelled training images.
        validation: validation images.
    """

    labeled: Part
    unlabeled: Optional[Part]
    validation: Optional[Part]

    def steps_of_pass(self, keywords: Keywords, batch: int) -> int:
        """Returns the steps of one pass over the unlabelled images.

        For methods that use labelled images only, the pass is over these.

        Args:
            keywords: the method, which defines how many unlabelled images a batch has.
            batch: labelled images per step.
        """
        ratio = keywords.unlabeled_ratio
        if ratio and self.unlabeled is not None:
            return -(-len(self.unlabeled.images) // (batch * ratio))
        return -(-len(self.labeled.images) // batch)


def read(
    model: TrainedModel, x: Any, y: Any, unlabeled: Any, validation: Any
) -> Images:
    """Reads the arguments of `fit`, and updates the model's pixel ranges.

    Args:
        model: the model to be trained.
        x: labelled images.
        y: their labels, if they are a separate argument.
        unlabeled: unlabelled images.
        validation: images with labels.

    Raises:
        ArgumentError: if an argument is invalid, saying what was expected.
    """
    reader, scale = model.reader, model.scale
    labeled, scale = reader.labeled(x, y, "labelled images", scale)
    others = held_out = None
    if unlabeled is not None:
        others, scale = reader.unlabeled(unlabeled, "unlabeled", scale)
    elif model.keywords.unlabeled_ratio:
        raise ArgumentError(
            f"{model.keywords.method.__name__} needs unlabelled images: "
            "fit((images, labels), unlabeled=more_images).\nSupervised learns from "
            "labels alone."
        )
    if validation is not None:
        held_out, scale = reader.labeled(validation, None, "validation_data", scale)
    if model.keywords.task == "classification":
        _require_one_size([labeled, others])
    model.take(scale)
    return Images(labeled, others, held_out)


def _require_one_size(parts: Sequence[Optional[Part]]) -> None:
    """Rejects images of different sizes, which can't form a batch.

    Segmentation batches consist of crops, for which any sizes will do.
    """
    images = [part.images for part in parts if part is not None]
    firsts = [each if isinstance(each, list) else each[:1] for each in images]
    sizes = sorted({np.shape(image)[:2] for some in firsts for image in some})
    if len(sizes) > 1:
        found = " and ".join(f"{height}x{width}" for height, width in sizes[:2])
        raise ArgumentError(
            f"images of {found} pixels: batches mix labelled and unlabelled images, "
            "which must have the same size.\nResize them first."
        )


def task_of(
    model: TrainedModel, given: Images, batch: int, **run: Any
) -> Tuple[Task, Split]:
    """Returns the task of a run on these images, with all settings, and its split.

    Args:
        model: the model to be trained.
        given: all images.
        batch: labelled images per step.
        **run: more settings of the run, such as the number of steps.
    """
    facts, keywords = model.arguments, model.keywords
    shape = given.labeled.images[0].shape[:2]
    shift = min(shape) // 8 if facts["shift"] is None else facts["shift"]
    if keywords.task == "classification" and shift >= min(shape):
        raise ArgumentError(
            f"shift={shift}: images have {shape[0]}x{shape[1]} pixels; expected less "
            "than the smaller side"
        )
    augmentation = Augmentation(facts["flip"], shift, _crop(model, shape))
    make = getattr(sources, keywords.task)
    names = tuple(facts["class_names"])
    source = make(given.labeled, given.unlabeled, given.validation, names, augmentation)
    network = networks.as_settings(model.body, facts["pretrained"], model.multiple)
    experiment = keywords.experiment(network, batch, **run)
    if keywords.task == "segmentation":
        _require_crop(model, experiment.data.crop_size)
    task = open_task(experiment, source)
    split = sources.split_of(
        source,
        len(given.labeled.images),
        experiment.run.seed,
        # Of segmentation, validation images never are training images.
        given.validation is not None or keywords.task == "segmentation",
    )
    return task.replace(task.resolve()), split


def _crop(model: TrainedModel, shape: Tuple[int, int]) -> Tuple[int, int]:
    """Returns the crop size: the network's input size, or about that of the images.

    Args:
        model: the model to be trained.
        shape: (H, W) of the first image.
    """
    multiple = model.multiple or 1
    height, width = (
        own or max(multiple, side // multiple * multiple)
        for own, side in zip(model.reader.shape, shape)
    )
    return height, width


def _require_crop(model: TrainedModel, crop: Optional[Tuple[int, int]]) -> None:
    """Rejects a crop size that the network doesn't take, before TensorFlow does."""
    own, multiple = model.reader.shape[:2], model.multiple or 1
    fits = crop is None or all(
        side == mine if mine else side % multiple == 0 for side, mine in zip(crop, own)
    )
    if not fits:
        wanted = f"sides that are multiples of {multiple}"
        wanted = f"{own[0]}x{own[1]}" if own[0] else wanted
        raise ArgumentError(
            f"crop={crop[0]}x{crop[1]}: the network takes {wanted} only"
        )
