"""Opens image files; all errors become a `UserError` with the name of the file.

The EXIF orientation is applied, so that an image is as people see it, and as they
labelled it. In a PNG it has to come before the pixels; otherwise every image would have
to be decoded to know its size.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import Iterator, Sequence, Tuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mixdmt_tf.data import image_files
from mixdmt_tf.errors import UserError

ORIENTATION, UPRIGHT = 0x0112, 1  # EXIF tag, and its value for no rotation
SIDEWAYS = (5, 6, 7, 8)  # values for which height and width are exchanged


@contextlib.contextmanager
def opened(path: pathlib.Path, formats: Sequence[str]) -> Iterator[Image.Image]:
    """Context manager for an open image; errors while reading become a UserError.

    Args:
        path: path of the file.
        formats: accepted formats, with Pillow's names.

    Raises:
        UserError: if the file can't be read, with its name.
    """
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
        names = ", ".join(formats[:-1]) + " or " * (len(formats) > 1) + formats[-1]
        raise naming(path, f"not a {names} image, or damaged") from None
    except Image.DecompressionBombError:
        raise naming(path, "far too many pixels") from None
    # Decoders can raise almost any exception for damaged files.
    except Exception as error:
        words = image_files.printable(error) or type(error).__name__
        raise naming(path, words) from error


def naming(path: object, problem: str) -> UserError:
    """Makes the error for a problem of a file."""
    return UserError(f"{image_files.printable(path)}: {problem}")


def orientation(picture: Image.Image) -> int:
    """Returns the orientation of an image, 1 to 8 as in EXIF; 1: no rotation.

    Args:
        picture: opened image, before any pixel is read.
    """
    if picture.format == "PNG" and "exif" not in picture.info:
        return UPRIGHT
    found = picture.getexif().get(ORIENTATION, UPRIGHT)
    return found if isinstance(found, int) and 1 <= found <= 8 else UPRIGHT


def seen_size(picture: Image.Image) -> Tuple[int, int]:
    """Returns (H, W) of an image after EXIF rotation, before any pixel is read."""
    width, height = picture.size
    return (width, height) if orientation(picture) in SIDEWAYS else (height, width)


def rgb(picture: Image.Image) -> Image.Image:
    """Converts an image of any mode to rotated RGB, in the same way as `image_files`.

    Args:
        picture: opened image, before any pixel is read.
    """
    if orientation(picture) != UPRIGHT:
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
