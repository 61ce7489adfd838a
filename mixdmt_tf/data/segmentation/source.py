"""Data sets of images with a class for every pixel, read when needed.

Ten thousand photographs don't fit into memory, so a `Sample` only stores where its
image is, and a `Source` is a list of samples.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Dict, Iterator, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.errors import UserError

IGNORED = 255
"""Label of pixels that are excluded from training and evaluation."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One image and, if it is labelled, its label map; both are read at every call.

    Attributes:
        name: unique in its part of the data set.
        known: whether there is a label map.
    """

    name: str
    known: bool = True

    def labels_place(self) -> str:
        """The place of the labels, for messages: a file's path, or the image's name."""
        return self.name

    def size(self) -> Tuple[int, int]:
        """Returns (H, W) of the image, without reading its pixels.

        Raises:
            UserError: if the file can't be read, with its name.
        """
        raise NotImplementedError

    def image(self) -> np.ndarray:
        """Reads the image: uint8 [H, W, channels of the data set].

        Raises:
            UserError: if the file can't be read, with its name.
        """
        raise NotImplementedError

    def labels(self) -> Optional[np.ndarray]:
        """Reads the classes, 255 where there is none: uint8 [H, W]; None if unknown.

        Raises:
            UserError: if the file can't be read, or has another size than the image,
                with its name.
        """
        raise NotImplementedError

    def files(self) -> Tuple[pathlib.Path, ...]:
        """Returns all files of image and labels; () if there are none."""
        return ()

    def reading(self) -> str:
        """Describes everything other than the files that affects what is read."""
        return ""


def hidden_labels(sample: Sample, num_classes: int) -> Optional[np.ndarray]:
    """Reads the hidden labels of an unlabelled image, for reports only: uint8 [H, W].

    Training does not need them, so `checking.check` has not checked them.

    Args:
        sample: the image.
        num_classes: number of classes, C; invalid numbers become 255.

    Returns:
        The labels; None if there are none, or they can't be read.
    """
    try:
        labels = sample.labels() if sample.known else None
    except UserError:
        return None
    if labels is None:
        return None
    return np.where(labels < num_classes, labels, np.uint8(IGNORED))


def voc_colours(count: int = 256) -> np.ndarray:
    """Returns the colours of PASCAL VOC's development kit: uint8 [count, 3].

    The bits of a class number, three at a time from the lowest, are the bits of red,
    green and blue from the highest.
    """
    classes = np.arange(count)[:, np.newaxis]
    colours = np.zeros((count, 3), int)
    for place in range(8):
        bits = classes >> (3 * place + np.arange(3)) & 1
        colours |= bits << (7 - place)
    return colours.astype(np.uint8)


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """One data set.

    Attributes:
        name: name of the module in `data/segmentation/datasets/`.
        class_names: names of the classes 0, 1, ..., at most 255.
        train: all training images, before any labels are hidden, sorted by name.
        validation: validation images, all labelled.
        test: labelled test images; None if the data set has none.
        colours: uint8 [C, 3], colours to paint label maps; None: VOC's.
        lists: lists of names of training images, such as VOC's 'train', by name.
        crop: (h, w) of the random crops in training.
        scale: smallest and largest factor of an image's size in training.
        flip: whether the mirror image of an image is a valid image.
        notes: messages for the user, such as on files that were left out.
        channels: number of channels of the images.
        skipped: images that were left out because they can't be used, with the reason,
            one line each; None: not checked (`checking.sound`).
    """

    name: str
    class_names: Tuple[str, ...]
    train: Sequence[Sample]
    validation: Sequence[Sample]
    test: Optional[Sequence[Sample]] = None
    colours: Optional[np.ndarray] = None
    lists: Dict[str, Tuple[str, ...]] = dataclasses.field(default_factory=dict)
    crop: Tuple[int, int] = (321, 321)
    scale: Tuple[float, float] = (0.5, 1.5)
    flip: bool = True
    notes: Tuple[str, ...] = ()
    skipped: Optional[Tuple[str, ...]] = None
    channels: int = 3

    def __post_init__(self) -> None:
        """Checks the number of classes, the colours, and that names are unique.

        Raises:
            ValueError: if one of these is invalid.
        """
        if not 2 <= self.num_classes <= IGNORED:
            raise ValueError(f"{self.num_classes} classes; expected 2 to {IGNORED}")
        if self.colours is None:
            object.__setattr__(self, "colours", voc_colours(self.num_classes))
        colours = np.array(self.colours)
        if colours.dtype != np.uint8 or colours.shape != (self.num_classes, 3):
            raise ValueError(
                f"colours: expected uint8 [{self.num_classes}, 3], got "
                f"{colours.dtype} {list(colours.shape)}"
            )
        colours.setflags(write=False)
        object.__setattr__(self, "colours", colours)
        for part, samples in self.parts():
            if len({sample.name for sample in samples}) < len(samples):
                raise ValueError(f"{self.name}: a name occurs twice in {part}")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def parts(self) -> Iterator[Tuple[str, Sequence[Sample]]]:
        """Yields (name, images) of the existing parts."""
        for part in ("train", "validation", "test"):
            samples = getattr(self, part)
            if samples is not None:
                yield part, samples

    def fingerprint(self) -> str:
        """The SHA-256, in hex, that identifies the training images.

        It includes name and class names of the data set, and names of the training
        images in their order, their heights and widths, and which of them have labels.
        Pixels are not included, because reading them would take minutes.

        Raises:
            UserError: if an image can't be opened, with its name.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps([self.name, self.class_names]).encode())
        for sample in self.train:
            try:
                facts = [sample.name, sample.known, *sample.size()]
            except UserError as error:
                # Commands for trained runs do not have this flag.
                hint = "repair or remove it, or train with --on_bad_image=skip"
                raise UserError(f"{error}\n{hint}") from error
            digest.update(f"{json.dumps(facts)}\n".encode())
        return digest.hexdigest()


def paint(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Converts a label map to an image; ignored pixels are white.

    Args:
        labels: uint8 [H, W].
        colours: uint8 [C, 3].

    Returns:
        uint8 [H, W, 3].
    """
    table = np.full((256, 3), 255, np.uint8)
    table[: len(colours)] = colours
    return table[labels]


def short(names: Sequence[object], limit: int = 5) -> str:
    """Joins names for a message: the first few, and the number of others."""
    words = [image_files.printable(name) for name in names[:limit]]
    more = [f"and {len(names) - limit} more"] if len(names) > limit else []
    return ", ".join(words + more) or "nothing"
