"""What `fit` is given as the data set and the task of a run of the command line."""

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
        labeled: that are learned from with their labels.
        unlabeled: without.
        validation: that are scored.
    """

    labeled: Part
    unlabeled: Optional[Part]
    validation: Optional[Part]

    def steps_of_pass(self, keywords: Keywords, batch: int) -> int:
        """Steps of a pass over the unlabelled images, or else over the labelled.

        Args:
            keywords: of the method, which says how many unlabelled ones a batch has.
            batch: labelled images per step.
        """
        ratio = keywords.unlabeled_ratio
        if ratio and self.unlabeled is not None:
            return -(-len(self.unlabeled.images) // (batch * ratio))
        return -(-len(self.labeled.images) // batch)


def read(
    model: TrainedModel, x: Any, y: Any, unlabeled: Any, validation: Any
) -> Images:
    """Reads the arguments of `fit`, and notes what they tell of pixels.

    Args:
        model: that is trained.
        x: labelled images.
        y: their labels, if they are apart.
        unlabeled: images.
        validation: images with labels.

    Raises:
        ArgumentError: saying what was expected.
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
    """Refuses images that can't be rows of one batch; crops of segmentation can."""
    images = [part.images for part in parts if part is not None]
    firsts = [each if isinstance(each, list) else each[:1] for each in images]
    sizes = sorted({np.shape(image)[:2] for some in firsts for image in some})
    if len(sizes) > 1:
        found = " and ".join(f"{height}x{width}" for height, width in sizes[:2])
        raise ArgumentError(
            f"images of {found} pixels: batches mix labelled and unlabelled images, "
            "which want one size.\nResize them first."
        )


def task_of(
    model: TrainedModel, given: Images, batch: int, **run: Any
) -> Tuple[Task, Split]:
    """The task of a run on these images, with all settings, and its split.

    Args:
        model: that is trained.
        given: all images.
        batch: labelled images per step.
        **run: more settings of the run, such as its steps.
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
        given.validation is not None,
    )
    return task.replace(task.resolve()), split


def _crop(model: TrainedModel, shape: Tuple[int, int]) -> Tuple[int, int]:
    """What is cut out: the size of the network's images, or nearly that of the given.

    Args:
        model: that is trained.
        shape: (H, W) of the first image.
    """
    multiple = model.multiple or 1
    height, width = (
        own or max(multiple, side // multiple * multiple)
        for own, side in zip(model.reader.shape, shape)
    )
    return height, width


def _require_crop(model: TrainedModel, crop: Optional[Tuple[int, int]]) -> None:
    """Refuses a size that the network doesn't take, before TensorFlow does."""
    own, multiple = model.reader.shape[:2], model.multiple or 1
    fits = crop is None or all(
        side == mine if mine else side % multiple == 0 for side, mine in zip(crop, own)
    )
    if not fits:
        wanted = f"sides that are multiples of {multiple}"
        wanted = f"{own[0]}x{own[1]}" if own[0] else wanted
        raise ArgumentError(
            f"crop={crop[0]}x{crop[1]}: the network takes {wanted} alone"
        )
