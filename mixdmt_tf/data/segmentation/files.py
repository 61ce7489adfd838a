"""Images in files: an image and its mask (`label_maps.py`)."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Dict, Iterable, Mapping, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from mixdmt_tf.data import band_files, image_files
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.data.csv_rows import places
from mixdmt_tf.data.segmentation import label_maps
from mixdmt_tf.data.segmentation.colours import Palette
from mixdmt_tf.data.segmentation.opening import naming, opened, rgb, seen_size
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class FileSample(Sample):
    """An image in one or two files.

    Attributes:
        image_path: PNG, JPEG or BMP of any size. The EXIF orientation is applied, so
            the mask has to fit the rotated image.
        mask_path: mask of the same size; None: unknown.
        palette: classes of the mask's colours; None: its numbers are classes.
        bands: channels and value range of the image; None: a photograph, RGB.
    """

    image_path: pathlib.Path = pathlib.Path()
    mask_path: Optional[pathlib.Path] = None
    palette: Optional[Palette] = None
    bands: Optional[Bands] = None

    def labels_place(self) -> str:
        """See `Sample.labels_place`."""
        return str(self.mask_path or self.image_path)

    def files(self) -> Tuple[pathlib.Path, ...]:
        """See `Sample.files`."""
        both = (self.image_path, self.mask_path)
        return tuple(path for path in both if path is not None)

    def reading(self) -> str:
        """See `Sample.reading`."""
        if self.palette is None:
            return repr(self.bands)
        colours = sorted(self.palette.classes.items())
        return repr((self.bands, colours, self.palette.strict))

    def size(self) -> Tuple[int, int]:
        """See `Sample.size`; reads the file's header."""
        if self.bands:
            return band_files.size(self.image_path)
        with opened(self.image_path, image_files.FORMATS) as picture:
            return seen_size(picture)

    def image(self) -> np.ndarray:
        """See `Sample.image`."""
        if self.bands:
            return band_files.image(self.image_path, self.bands)
        with opened(self.image_path, image_files.FORMATS) as picture:
            return self._pixels(rgb(picture))

    def labels(self) -> Optional[np.ndarray]:
        """See `Sample.labels`."""
        if self.mask_path is None:
            return None
        labels = label_maps.read(self.mask_path, self.palette)
        height, width = labels.shape
        place = str(self.mask_path)
        if not self.bands:
            require_size(self.image_path, (height, width), place)
        elif self.size() != (height, width):
            problem = "{} x {}; its image is {} x {}".format(
                width, height, *self.size()[::-1]
            )
            raise naming(place, problem)
        return self._classes(labels)

    def _pixels(self, picture: Image.Image) -> np.ndarray:
        """Converts the image to uint8 [H, W, 3]; a data set may override this."""
        return np.array(picture)

    def _classes(self, numbers: np.ndarray) -> np.ndarray:
        """Converts mask numbers to classes; a data set may override this."""
        return numbers


def require_size(image: pathlib.Path, labelled: Tuple[int, int], place: str) -> None:
    """Checks that labels have the size of the image after EXIF rotation.

    Labels that fit the stored image instead are not rotated automatically: for images
    that are upside down, sizes would not show which orientation the labels have.

    Args:
        image: file of the image; its header is read.
        labelled: (H, W) of the labels.
        place: place of the labels, for the message.

    Raises:
        UserError: if the sizes differ.
    """
    with opened(image, image_files.FORMATS) as picture:
        expected, stored = seen_size(picture), picture.size[::-1]
    if labelled == expected:
        return
    problem = (
        f"{labelled[1]} x {labelled[0]}; its image is {expected[1]} x {expected[0]}"
    )
    if labelled == stored:
        problem += (
            " after it was turned as its EXIF orientation says; turn the labels too, "
            "or remove the orientation from the image"
        )
    raise naming(place, problem)


def by_stem(folder: pathlib.Path, suffixes: Sequence[str]) -> Dict[str, pathlib.Path]:
    """Lists the files in a folder by their names without suffix, sorted.

    Args:
        folder: folder to list; hidden files are left out.
        suffixes: suffixes of the files to list, in lower case and with the dot.

    Raises:
        UserError: if the folder can't be listed, or two files have the same stem.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(
            f"{image_files.printable(folder)} can't be listed: {error.strerror}"
        ) from error
    files: Dict[str, pathlib.Path] = {}
    for path in entries:
        if image_files.hidden(path.name) or path.suffix.lower() not in suffixes:
            continue
        if path.stem in files:
            raise UserError(
                f"{image_files.printable(folder)} has both {files[path.stem].name} and "
                f"{path.name}; expected one file for {path.stem}"
            )
        files[path.stem] = path
    return dict(sorted(files.items()))


def by_names(
    files: Mapping[str, pathlib.Path], names: Iterable[str]
) -> Dict[str, pathlib.Path]:
    """Returns files by the names of images, whose accents may be encoded otherwise.

    Args:
        files: by their own names.
        names: of the images.
    """
    listed = list(names)
    found = places(listed)
    return {
        listed[found[name]] if name in found else name: path
        for name, path in files.items()
    }
