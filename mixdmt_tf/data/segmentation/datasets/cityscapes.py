"""Cityscapes in its official folders, at half resolution, with its 19 classes.

    DIR/leftImg8bit/{train,val}/<city>/<name>_leftImg8bit.png
    DIR/gtFine/{train,val}/<city>/<name>_gtFine_labelIds.png

2,975 training and 500 validation images of 1024x2048 are resized to 512x1024 when they
are read, as in DMT (arXiv:2004.08514) section 5.1: images by averaging 2x2 pixels,
labels by taking the upper left one. Scores are therefore at half resolution. The
official test images have no labels and are left out.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Tuple

import numpy as np
from PIL import Image

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.files import FileSample
from mixdmt_tf.data.segmentation.source import IGNORED, Source
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded

# DMT (arXiv:2004.08514) table 1, 1/8 of the labels, and appendix B: what the methods in
# algorithms/parts/segmentation_rounds.py, and the baseline, have here instead of VOC's
# settings.
assumes = {
    "segmentation_rounds": {
        "gamma1": 3.0,
        "gamma2": 3.0,
        "batch": 2,
        "unlabeled_ratio": 3,
        "learning_rate": 0.004,
        "round_epochs": 10.0,
        "base_learning_rate": 0.004,
        "base_epochs": 60.0,
    },
    "supervised": {"learning_rate": 0.004, "epochs": 60.0},
    "s4gan": {"realness_threshold": 0.7, "discriminator_learning_rate": 0.00001},
    "cct": {"background": -1},  # it has none
}

SIZE = (512, 1024)
LAYOUT = (
    "expected leftImg8bit/{train,val}/<city>/*_leftImg8bit.png and "
    "gtFine/{train,val}/<city>/*_gtFine_labelIds.png"
)
# Class, its number in the files, and its colour, as the data set publishes them.
CLASSES = (
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)
_LAST_ID = 33


def class_table() -> np.ndarray:
    """Returns the class of each number in the files: uint8 [256].

    Numbers that are not in the data set stay unchanged, so that they are reported.
    """
    table = np.arange(256, dtype=np.uint8)
    table[: _LAST_ID + 1] = IGNORED
    for number, (_, label_id, _) in enumerate(CLASSES):
        table[label_id] = number
    return table


@dataclasses.dataclass(frozen=True)
class CitySample(FileSample):
    """An image of Cityscapes at half resolution."""

    def size(self) -> Tuple[int, int]:
        """See `Sample.size`."""
        return SIZE

    def _pixels(self, picture: Image.Image) -> np.ndarray:
        return np.array(picture.resize(SIZE[::-1], Image.Resampling.BOX))

    def _classes(self, numbers: np.ndarray) -> np.ndarray:
        height, width = numbers.shape
        rows = np.arange(SIZE[0]) * height // SIZE[0]
        columns = np.arange(SIZE[1]) * width // SIZE[1]
        classes: np.ndarray = class_table()[numbers[np.ix_(rows, columns)]]
        return classes


def find(config: Config) -> pathlib.Path:
    """Finds the folder with leftImg8bit/ and gtFine/.

    Raises:
        UsageError: without `data_dir`.
        UserError: if folders of images are missing.
    """
    if not config.data_dir:
        raise UsageError(f"--dataset=cityscapes needs --data_dir=DIR; in DIR {LAYOUT}")
    root = expanded(config.data_dir)
    for part in ("train", "val"):
        if not (root / "leftImg8bit" / part).is_dir():
            raise _no_images(root, part)
    return root


def load(config: Config) -> Source:
    """Opens the folder of Cityscapes; images are named <city>/<name>.

    Training images without labels are unlabelled. `checking.check` reports missing
    labels of validation images.

    Raises:
        UsageError: without `data_dir`.
        UserError: if there are no images.
    """
    root = find(config)
    train = _samples(root, "train")
    nameless = sum(not sample.known for sample in train)
    note = f"{nameless:,} training images have no labels: they are unlabelled"
    return Source(
        name="cityscapes",
        class_names=tuple(name for name, _, _ in CLASSES),
        train=train,
        validation=_samples(root, "val"),
        colours=np.array([colour for _, _, colour in CLASSES], np.uint8),
        crop=(256, 512),
        notes=(note,) if nameless else (),
    )


def _no_images(root: pathlib.Path, part: str) -> UserError:
    return UserError(f"{root}: no images in leftImg8bit/{part}; {LAYOUT}")


def _samples(root: pathlib.Path, part: str) -> Tuple[CitySample, ...]:
    ending = "_leftImg8bit"
    samples = []
    for path in root.glob(f"leftImg8bit/{part}/*/*{ending}.png"):
        city, name = path.parent.name, path.stem[: -len(ending)]
        if image_files.hidden(path.name):
            continue
        mask = root / "gtFine" / part / city / f"{name}_gtFine_labelIds.png"
        known = part == "val" or mask.is_file()
        samples.append(
            CitySample(
                f"{city}/{name}",
                known,
                image_path=path,
                mask_path=mask if known else None,
            )
        )
    if not samples:
        raise _no_images(root, part)
    # By city and then by image: the order from which the published splits were drawn.
    return tuple(sorted(samples, key=lambda sample: sample.name.split("/")))
