"""A data set of scenes: pictures with a class for every pixel, read when needed.

A set of ten thousand photographs doesn't fit into memory, so a `Scene` knows where its
picture is, and `Scenes` is a list of them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import Dict, Iterator, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import pictures
from mixdmt_tf.errors import UserError

IGNORED = 255
"""The label of pixels that nobody learns from and nobody is judged by."""


@dataclasses.dataclass(frozen=True)
class Scene:
    """One picture and, if somebody labelled it, its label map; read at every call.

    Attributes:
        name: unique in its part of the data set.
        known: whether there is a label map.
    """

    name: str
    known: bool = True

    def labels_place(self) -> str:
        """Where the labels are, for messages: a file's path, or the scene's name."""
        return self.name

    def size(self) -> Tuple[int, int]:
        """(H, W) of the picture, without reading its pixels.

        Raises:
            UserError: naming the file that can't be read.
        """
        raise NotImplementedError

    def image(self) -> np.ndarray:
        """The picture: uint8 [H, W, 3].

        Raises:
            UserError: naming the file that can't be read.
        """
        raise NotImplementedError

    def labels(self) -> Optional[np.ndarray]:
        """Classes, or 255 where there is none: uint8 [H, W]; None unless `known`.

        Raises:
            UserError: naming the file that can't be read, or is of another size than
                the picture.
        """
        raise NotImplementedError


def hidden_labels(scene: Scene) -> Optional[np.ndarray]:
    """Labels of a scene that counts as unlabelled, for reports only: uint8 [H, W].

    Nobody learns from them, so nobody needs them, and `checking.check` has not looked
    at them.

    Returns:
        None where there are none, or none that can be read.
    """
    try:
        return scene.labels() if scene.known else None
    except UserError:
        return None


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
class Scenes:
    """One data set.

    Attributes:
        name: of the file in `data/scenes/` that made it.
        class_names: of the classes 0, 1, ..., at most 255.
        train: all training scenes, before anybody hides labels, sorted by name.
        validation: all of known labels.
        test: None if the data set has no labelled test scenes.
        colours: uint8 [C, 3], how label maps are painted; None: VOC's.
        lists: names of training scenes under the name of a list, as VOC's 'train'.
        crop: (h, w) of what is cut out for training.
        scale: smallest and largest factor of a scene's size in training.
        flip: whether a scene's mirror image is as good a scene.
        notes: sentences that the user should read, such as on files left out.
    """

    name: str
    class_names: Tuple[str, ...]
    train: Sequence[Scene]
    validation: Sequence[Scene]
    test: Optional[Sequence[Scene]] = None
    colours: Optional[np.ndarray] = None
    lists: Dict[str, Tuple[str, ...]] = dataclasses.field(default_factory=dict)
    crop: Tuple[int, int] = (321, 321)
    scale: Tuple[float, float] = (0.5, 1.5)
    flip: bool = True
    notes: Tuple[str, ...] = ()

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
        for part, scenes in self.parts():
            if len({scene.name for scene in scenes}) < len(scenes):
                raise ValueError(f"{self.name}: a name occurs twice in {part}")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def parts(self) -> Iterator[Tuple[str, Sequence[Scene]]]:
        """(name, scenes) of the parts that there are."""
        for part in ("train", "validation", "test"):
            scenes = getattr(self, part)
            if scenes is not None:
                yield part, scenes

    def fingerprint(self) -> str:
        """Sha256, in hex, of what the training scenes are, though not of their pixels.

        That is: name and class names of the data set; names of the training scenes in
        their order, their heights and widths, and which of them have labels. Pixels are
        left out, since reading them would take minutes.

        Raises:
            UserError: naming a picture that can't be opened.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps([self.name, self.class_names]).encode())
        for scene in self.train:
            facts = [scene.name, scene.known, *scene.size()]
            digest.update(f"{json.dumps(facts)}\n".encode())
        return digest.hexdigest()


def paint(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """A label map as a picture; what is ignored is white.

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
    words = [pictures.printable(name) for name in names[:limit]]
    more = [f"and {len(names) - limit} more"] if len(names) > limit else []
    return ", ".join(words + more) or "nothing"
