"""A data set of images: images with a class for every pixel, read when needed.

A set of ten thousand photographs doesn't fit into memory, so a `Sample` knows where its
image is, and `Source` is a list of them.
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
"""The label of pixels that nobody learns from and nobody is judged by."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One image and, if somebody labelled it, its label map; read at every call.

    Attributes:
        name: unique in its part of the data set.
        known: whether there is a label map.
    """

    name: str
    known: bool = True

    def labels_place(self) -> str:
        """Where the labels are, for messages: a file's path, or the image's name."""
        return self.name

    def size(self) -> Tuple[int, int]:
        """(H, W) of the image, without reading its pixels.

        Raises:
            UserError: naming the file that can't be read.
        """
        raise NotImplementedError

    def image(self) -> np.ndarray:
        """The image: uint8 [H, W, channels of the data set].

        Raises:
            UserError: naming the file that can't be read.
        """
        raise NotImplementedError

    def labels(self) -> Optional[np.ndarray]:
        """Classes, or 255 where there is none: uint8 [H, W]; None unless `known`.

        Raises:
            UserError: naming the file that can't be read, or is of another size than
                the image.
        """
        raise NotImplementedError

    def files(self) -> Tuple[pathlib.Path, ...]:
        """All files that image and labels are read from; () if there are none."""
        return ()

    def reading(self) -> str:
        """What else than the files decides what is read, as a text."""
        return ""


def hidden_labels(sample: Sample, num_classes: int) -> Optional[np.ndarray]:
    """Labels of an image that counts as unlabelled, for reports only: uint8 [H, W].

    Nobody learns from them, so nobody needs them, and `checking.check` has not looked
    at them.

    Args:
        sample: the image.
        num_classes: C; numbers that are no class become 255.

    Returns:
        None where there are none, or none that can be read.
    """
    try:
        labels = sample.labels() if sample.known else None
    except UserError:
        return None
    if labels is None:
        return None
    return np.where(labels < num_classes, labels, np.uint8(IGNORED))


def voc_colours(count: int = 256) -> np.ndarray:
    """The colours of PASCAL VOC's development kit: uint8 [count, 3].

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
        name: of the file in `data/segmentation/datasets/` that made it.
        class_names: of the classes 0, 1, ..., at most 255.
        train: all training images, before anybody hides labels, sorted by name.
        validation: all of known labels.
        test: None if the data set has no labelled test images.
        colours: uint8 [C, 3], how label maps are painted; None: VOC's.
        lists: names of training images under the name of a list, as VOC's 'train'.
        crop: (h, w) of what is cut out for training.
        scale: smallest and largest factor of an image's size in training.
        flip: whether an image's mirror image is as good an image.
        notes: sentences that the user should read, such as on files left out.
        channels: of the images.
        skipped: what was left out because it can't be used, and why, a line each; None:
            nobody has looked (`checking.sound`).
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
        """Refuses class numbers that no byte holds, colours of another kind, twins.

        Raises:
            ValueError: saying what is wrong.
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
        """(name, images) of the parts that there are."""
        for part in ("train", "validation", "test"):
            samples = getattr(self, part)
            if samples is not None:
                yield part, samples

    def fingerprint(self) -> str:
        """Sha256, in hex, of what the training images are, though not of their pixels.

        That is: name and class names of the data set; names of the training images in
        their order, their heights and widths, and which of them have labels. Pixels are
        left out, since reading them would take minutes.

        Raises:
            UserError: naming an image that can't be opened.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps([self.name, self.class_names]).encode())
        for sample in self.train:
            try:
                facts = [sample.name, sample.known, *sample.size()]
            except UserError as error:
                # Commands that ask a trained run have no such flag.
                hint = "repair or remove it, or train with --on_bad_image=skip"
                raise UserError(f"{error}\n{hint}") from error
            digest.update(f"{json.dumps(facts)}\n".encode())
        return digest.hexdigest()


def paint(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """A label map as an image; what is ignored is white.

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
    """Names for a message: the first few, and how many more there are."""
    words = [image_files.printable(name) for name in names[:limit]]
    more = [f"and {len(names) - limit} more"] if len(names) > limit else []
    return ", ".join(words + more) or "nothing"
