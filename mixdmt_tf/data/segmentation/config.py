"""Settings of images: which images, which of them have labels, what is cut out."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from typing import ClassVar, Optional, Tuple

from mixdmt_tf.data import bands
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import check, setting, settings_of


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the data. Sizes and scales default to those of the data set."""

    task: ClassVar[str] = "segmentation"

    dataset: str = setting(
        "voc", "data set: the name of a file in data/segmentation/datasets/"
    )
    data_dir: str = setting(
        "", "folder of the data set, laid out as its file says", harmless=True
    )
    labels: str = setting(
        "",
        "training images whose labels are used: a fraction of them such as 1/20, or "
        "their number; default: all that are known",
    )
    labeled_list: str = setting(
        "",
        "instead of labels, a list that comes with the data set: with VOC and SBD, "
        "--labeled_list=train uses the 1,464 labels of VOC 2012 alone (DMT table 5)",
    )
    validation: Optional[int] = setting(
        None,
        "images held out of a mask_folder or coco without validation images; default: "
        "a tenth of those with labels",
        low=0,
    )
    unknown_colour: str = setting(
        "error",
        "what to do about pixels of masks whose colours are not in colours.txt, such "
        "as those of smoothed edges: refuse the mask, or leave out the pixels",
        choices=("error", "ignore"),
    )
    on_bad_image: str = setting(
        "error",
        "what to do about images and masks that can't be used: name them and stop, or "
        "leave them out, all listed in skipped_images.txt of the run's folder",
        choices=("error", "skip"),
    )
    split: str = setting(
        "",
        "a split.json of another run, used instead of drawing the labels",
        harmless=True,  # as a path: a run compares what the file holds
    )
    channels: Optional[int] = setting(
        None,
        "number of channels of the images of --dataset=mask_folder, if they are not "
        "photographs: PNG, TIFF or NumPy files (.npy) with that many channels, used as "
        "they are; a fourth one is not transparency",
        low=1,
        high=64,
    )
    pixel_range: str = setting(
        "",
        "with --channels: the values that become black and white, such as 0,4095 of a "
        "12-bit camera; default: all that the files' type has, 0,255 or 0,65535",
    )
    crop: str = setting(
        "",
        "height and width of the random crops in training, such as 321 or 256x512; "
        "default: the data set's, 321 (VOC), 256x512 (Cityscapes), 49 (digit_scenes)",
    )
    scale: str = setting(
        "",
        "smallest and largest factor of an image's size in training, such as 0.5,1.5; "
        "default: the data set's",
    )
    pseudo_labels: str = setting(
        "",
        "a folder of bin/pseudo_label: train one round on these pseudo labels instead "
        "of all rounds (methods that learn from pseudo labels)",
        harmless=True,  # as a path: a run compares what the folder holds
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for values out of range or incompatible values."""
        check(settings_of(type(self)), self)
        if self.labels and self.labeled_list:
            raise UsageError(
                f"--labels={self.labels} and --labeled_list={self.labeled_list}: "
                "expected one of them"
            )
        _ = self.crop_size, self.scale_range  # raise if they can't be read
        if self.bands and self.dataset != "mask_folder":
            raise UsageError(
                f"--channels={self.channels} is for --dataset=mask_folder; the images "
                f"of --dataset={self.dataset} are what they are"
            )
        if self.labels:
            share_of(self.labels)

    @property
    def bands(self) -> Optional[Bands]:
        """Channels and value range of the images; None: photographs.

        Raises:
            UsageError: if `pixel_range` is invalid.
        """
        return bands.of(self.channels, self.pixel_range)

    @property
    def crop_size(self) -> Optional[Tuple[int, int]]:
        """(height, width) given by `crop`; None if it is not given.

        Raises:
            UsageError: if `crop` is not a size.
        """
        if not self.crop:
            return None
        found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", self.crop, re.ASCII)
        height, width = map(int, (found[1], found[2] or found[1])) if found else (0, 0)
        if min(height, width) < 8:
            raise UsageError(
                f"--crop={self.crop}: expected one side or height x width in pixels, 8 "
                "or more, such as 321 or 256x512"
            )
        return height, width

    @property
    def scale_range(self) -> Optional[Tuple[float, float]]:
        """(smallest, largest) given by `scale`; None if it is not given.

        Raises:
            UsageError: if `scale` is not a range.
        """
        if not self.scale:
            return None
        number = r"(\d{1,3}(?:\.\d+)?|\.\d+)"
        found = re.fullmatch(rf"\s*{number}\s*,\s*{number}\s*", self.scale, re.ASCII)
        low, high = map(float, found.groups()) if found else (0.0, 0.0)
        if not 0 < low <= high:
            raise UsageError(
                f"--scale={self.scale}: expected the smallest and the largest factor, "
                "such as 0.5,1.5"
            )
        return low, high


def share_of(labels: str) -> Fraction:
    """Parses `labels`: a fraction of the images, or their number.

    Raises:
        UsageError: if it is neither.
    """
    text = labels.strip()
    number = r"\d{1,9}"
    if not re.fullmatch(
        rf"{number}|{number}/0*[1-9]\d{{0,8}}|0?\.{number}", text, re.ASCII
    ):
        raise UsageError(
            f"--labels={text}: expected a fraction of the training images such as "
            "1/20, or their number"
        )
    return Fraction(text)
