"""Images in files: a photograph, and a label map whose numbers are never touched.

Label maps are PNG or BMP of one channel; of a palette the indices count, and its
colours are for people. JPEG is refused for them: it changes numbers when it saves.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from typing import Dict, Iterator, Optional, Sequence, Tuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.errors import UserError

LABEL_FORMATS, LABEL_SUFFIXES = ("PNG", "BMP"), (".png", ".bmp")
_ORIENTATION, _SIDEWAYS = 0x0112, (5, 6, 7, 8)  # EXIF: height and width change places


@dataclasses.dataclass(frozen=True)
class FileSample(Sample):
    """An image in one or two files.

    Attributes:
        image_path: PNG, JPEG or BMP of any size; cameras' notes in a JPEG on which
            side is up are obeyed.
        mask_path: label map of the same size; None: unknown.
    """

    image_path: pathlib.Path = pathlib.Path()
    mask_path: Optional[pathlib.Path] = None

    def labels_place(self) -> str:
        """As `Sample.labels_place`."""
        return str(self.mask_path or self.image_path)

    def size(self) -> Tuple[int, int]:
        """As `Sample.size`; reads the file's header."""
        with _opened(self.image_path, image_files.FORMATS) as picture:
            return _size(picture)

    def image(self) -> np.ndarray:
        """As `Sample.image`."""
        with _opened(self.image_path, image_files.FORMATS) as picture:
            return self._pixels(_rgb(picture))

    def labels(self) -> Optional[np.ndarray]:
        """As `Sample.labels`."""
        if self.mask_path is None:
            return None
        with _opened(self.image_path, image_files.FORMATS) as picture:
            expected = _size(picture)
        labels = read_indices(self.mask_path)
        if labels.shape != expected:
            raise UserError(
                f"{image_files.printable(self.mask_path)}: {labels.shape[1]} x "
                f"{labels.shape[0]}; its image is {expected[1]} x {expected[0]}"
            )
        return self._classes(labels)

    def _pixels(self, picture: Image.Image) -> np.ndarray:
        """The image that was read, uint8 [H, W, 3]; a data set may resize it."""
        return np.array(picture)

    def _classes(self, numbers: np.ndarray) -> np.ndarray:
        """Classes for the numbers that were read; a data set may count otherwise."""
        return numbers


def read_indices(path: pathlib.Path) -> np.ndarray:
    """The numbers in a label map, of a palette the indices: uint8 [H, W].

    Raises:
        UserError: if the file is missing, damaged, has colours, or numbers above 255.
    """
    with _opened(path, LABEL_FORMATS) as picture:
        mode = picture.mode
        numbers = np.array(picture)
    if numbers.ndim != 2:
        raise UserError(
            f"{image_files.printable(path)}: has colours ({mode}); expected one "
            "channel of class numbers"
        )
    if numbers.min() < 0 or numbers.max() > 255:
        raise UserError(
            f"{image_files.printable(path)}: numbers from {numbers.min()} to "
            f"{numbers.max()}; expected 0 to 255"
        )
    return numbers.astype(np.uint8)


def read_palette(path: pathlib.Path, count: int) -> Optional[np.ndarray]:
    """The first colours of a label map's palette, uint8 [count, 3].

    None if there is no palette, or one that can't tell classes apart: with equal or
    only dark colours, as of maps whose palette is 0, 1, 2, ...
    """
    try:
        with _opened(path, LABEL_FORMATS) as picture:
            palette = picture.getpalette() if picture.mode == "P" else None
    except UserError:
        return None  # `check` will report it, by name
    if palette is None or len(palette) < 3 * count:
        return None
    colours = np.array(palette[: 3 * count], np.uint8).reshape(count, 3)
    different = len(np.unique(colours, axis=0)) == count
    return colours if different and colours.max() >= 64 else None


def read_lines(path: pathlib.Path) -> Tuple[str, ...]:
    """The lines of a text file, without those that are blank.

    Raises:
        UserError: if it can't be read or is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{image_files.printable(path)} can't be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError:
        raise UserError(f"{image_files.printable(path)} is no text in UTF-8") from None
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def read_class_names(path: pathlib.Path) -> Tuple[str, ...]:
    """Class names, one on each line, the first of class 0.

    Raises:
        UserError: if there are fewer than 2 or more than 255, or one occurs twice.
    """
    names = read_lines(path)
    problem = ""
    if not 2 <= len(names) <= 255:
        problem = f"{len(names)} names; expected 2 to 255, one on each line"
    elif len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problem = f"{image_files.printable(twice)} occurs twice"
    if problem:
        raise UserError(f"{image_files.printable(path)}: {problem}")
    return names


def by_stem(folder: pathlib.Path, suffixes: Sequence[str]) -> Dict[str, pathlib.Path]:
    """Files directly in a folder under their names without suffix, sorted.

    Args:
        folder: to be listed; hidden files are left out.
        suffixes: of the files wanted, lower case and with the dot.

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


@contextlib.contextmanager
def _opened(path: pathlib.Path, formats: Tuple[str, ...]) -> Iterator[Image.Image]:
    """An open image; what goes wrong while it is read becomes a UserError."""
    try:
        if not path.is_file():  # opening a pipe would wait forever
            raise UserError("missing")
        with Image.open(path, formats=formats) as picture:
            width, height = picture.size
            if width * height > image_files.MAX_PIXELS:
                raise UserError(
                    f"{width} x {height} pixels; expected at most "
                    f"{image_files.MAX_PIXELS:,}"
                )
            yield picture
    except UnidentifiedImageError:
        names = ", ".join(formats[:-1]) + f" or {formats[-1]}"
        raise _naming(path, f"not a {names} image, or damaged") from None
    except Image.DecompressionBombError:
        raise _naming(path, "far too many pixels") from None
    # Damaged files make decoders raise almost anything.
    except Exception as error:
        words = image_files.printable(error) or type(error).__name__
        raise _naming(path, words) from error


def _naming(path: pathlib.Path, problem: str) -> UserError:
    return UserError(f"{image_files.printable(path)}: {problem}")


def _size(picture: Image.Image) -> Tuple[int, int]:
    width, height = picture.size
    # Of a PNG, Pillow would have to read all pixels before it knows.
    if picture.format == "JPEG" and picture.getexif().get(_ORIENTATION) in _SIDEWAYS:
        return width, height
    return height, width


def _rgb(picture: Image.Image) -> Image.Image:
    """An image of any mode in RGB, as `data/pictures.py` makes it of its files."""
    if picture.format == "JPEG":
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        # 16-bit grey. Pillow's own conversion would clip the values at 255.
        upper_bits = np.asarray(picture).astype(np.int32) >> 8
        picture = Image.fromarray(upper_bits.astype(np.uint8))
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")
