"""Image files opened with care: what goes wrong is a `UserError` with the file's name.

What a camera notes of which side is up (EXIF) is obeyed, so that an image is as people
see it, and as they labelled it. Of a PNG, that note counts if it stands before the
pixels: one behind them would mean to decode every image before its size is known.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import Iterator, Sequence, Tuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mixdmt_tf.data import image_files
from mixdmt_tf.errors import UserError

ORIENTATION, UPRIGHT = 0x0112, 1  # EXIF: the tag; nothing is to be turned
SIDEWAYS = (5, 6, 7, 8)  # height and width change places


@contextlib.contextmanager
def opened(path: pathlib.Path, formats: Sequence[str]) -> Iterator[Image.Image]:
    """An open image; what goes wrong while it is read becomes a UserError.

    Args:
        path: of the file.
        formats: the formats that are read, as Pillow calls them.

    Raises:
        UserError: naming the file.
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
    # Damaged files make decoders raise almost anything.
    except Exception as error:
        words = image_files.printable(error) or type(error).__name__
        raise naming(path, words) from error


def naming(path: object, problem: str) -> UserError:
    """What is wrong with a file."""
    return UserError(f"{image_files.printable(path)}: {problem}")


def orientation(picture: Image.Image) -> int:
    """How an image has to be turned, 1 to 8 as in EXIF; 1: not at all.

    Args:
        picture: opened, of which no pixel was read yet.
    """
    if picture.format == "PNG" and "exif" not in picture.info:
        return UPRIGHT
    found = picture.getexif().get(ORIENTATION, UPRIGHT)
    return found if isinstance(found, int) and 1 <= found <= 8 else UPRIGHT


def seen_size(picture: Image.Image) -> Tuple[int, int]:
    """(H, W) of an image as it is seen, of which no pixel was read yet."""
    width, height = picture.size
    return (width, height) if orientation(picture) in SIDEWAYS else (height, width)


def rgb(picture: Image.Image) -> Image.Image:
    """An image of any mode in RGB, the right side up, as `image_files` makes it.

    Args:
        picture: opened, of which no pixel was read yet.
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
