"""Image files as arrays: found, checked before they are decoded, brought to one size.

PNG, JPEG and BMP of any size and kind become uint8 RGB; images of other channels are
read by `band_files.py`, if that is asked for. The whole image is resized to
a square, whatever its shape, so nothing is cut off; what is transparent lies on white;
cameras' notes on which side is up are obeyed; 16 bits per channel keep the upper 8.
Nothing is ever written or renamed.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import warnings
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mixdmt_tf import bounds
from mixdmt_tf.data import band_files
from mixdmt_tf.data.bands import PICTURES, Bands
from mixdmt_tf.data.paths import Paths
from mixdmt_tf.errors import UserError

SUFFIXES, FORMATS = PICTURES, band_files.FORMATS
# A file of a few kilobytes can ask for gigabytes. 50 million pixels, more than most
# cameras take, are 200 MB while they are decoded.
MAX_PIXELS = bounds.PIXELS
ORIENTATION = 0x0112  # of EXIF; 5 to 8: width and height are exchanged
LISTED = 20
CHUNK = 16

Problems = Dict[int, str]  # what is wrong with some of the files, by row


def find(
    folder: pathlib.Path,
    suffixes: Sequence[str] = SUFFIXES,
    paths: Optional[Paths] = None,
) -> Tuple[Paths, int]:
    """All image files below a folder.

    Links to folders are followed, each folder once. A file counts as an image by its
    suffix, upper or lower case.

    Args:
        folder: where to begin.
        suffixes: of image files, in lower case.
        paths: to which those that are found are added; `folder` is below its root.
            None: to new ones.

    Returns:
        Paths sorted by their parts, and the number of entries left out: hidden ones and
        files with other suffixes.

    Raises:
        UserError: if a folder can't be listed.
    """
    paths = Paths(folder) if paths is None else paths
    below = folder.relative_to(paths.root)
    prefix = "" if below == pathlib.Path() else f"{below}{os.sep}"
    return paths, _walk(str(folder), prefix, tuple(suffixes), set(), paths)


def _walk(
    folder: str, prefix: str, suffixes: Tuple[str, ...], seen: Set[str], paths: Paths
) -> int:
    """Adds what is in a folder, entry by entry in their order, and counts the rest."""
    place = os.path.realpath(folder)
    if place in seen:  # a link that leads back
        return 0
    seen.add(place)
    ignored = 0
    try:
        with os.scandir(folder) as entries:
            names = sorted((each.name, each.is_dir()) for each in entries)
    except OSError as error:
        raise UserError(
            f"{printable(error.filename)} can't be listed: {error.strerror}"
        ) from error
    for name, is_folder in names:
        if is_folder and not hidden(name):
            inside, start = os.path.join(folder, name), f"{prefix}{name}{os.sep}"
            ignored += _walk(inside, start, suffixes, seen, paths)
        elif hidden(name) or is_folder or not name.lower().endswith(suffixes):
            ignored += 1
        else:
            paths.append(prefix + name)
    return ignored


def hidden(name: str) -> bool:
    """Whether a file or folder name is one of those that listings leave out."""
    return name.startswith(".")


def printable(text: object) -> str:
    """A path or name for a message: no line breaks, control codes or half letters."""
    word = str(text)
    return word if word.isprintable() else ascii(word)


def read(
    paths: Sequence[pathlib.Path], size: int, bands: Optional[Bands] = None
) -> np.ndarray:
    """Decodes files in parallel and resizes each to `size` x `size`.

    Resizing is bilinear with antialiasing (Pillow's); of a large JPEG a smaller version
    is decoded, at least four times as large as what is wanted.

    Args:
        paths: of the files.
        size: height and width.
        bands: what they are, if not photographs.

    Returns:
        uint8 [N, size, size, C]; of photographs C = 3.

    Raises:
        UserError: naming every file (up to 20) that can't be used, and why.
    """
    images = np.empty((len(paths), size, size, channels(bands)), np.uint8)
    refuse(decode(paths, images, bands=bands), paths)
    return images


def decode(
    paths: Sequence[pathlib.Path],
    out: np.ndarray,
    report: Callable[[int], None] = lambda number: None,
    bands: Optional[Bands] = None,
) -> Problems:
    """Decodes files in parallel as `read` does.

    Args:
        paths: of N files.
        out: uint8 [N, S, S, C], to be written; rows of files that can't be used are
            zeros afterwards.
        report: called with the number of files of each chunk that is done.
        bands: what they are, if not photographs.

    Returns:
        What is wrong with the files that can't be used, by row.
    """

    def decode_chunk(start: int) -> Problems:
        rows = range(start, min(start + CHUNK, len(paths)))
        found = {row: _read_one(paths[row], out[row], bands) for row in rows}
        problems = {row: problem for row, problem in found.items() if problem}
        out[list(problems)] = 0
        report(len(rows))
        return problems

    starts = range(0, len(paths), CHUNK)
    problems: Problems = {}
    with warnings.catch_warnings():
        # Pillow warns of oddities that it can deal with, without naming the file.
        warnings.simplefilter("ignore")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for found in pool.map(decode_chunk, starts):
                problems.update(found)
    return problems


def refuse(
    problems: Problems, paths: Sequence[pathlib.Path], otherwise: str = ""
) -> None:
    """Raises a UserError that names the files (up to 20) and problems, if any.

    Args:
        problems: by row.
        paths: of all files.
        otherwise: what else to do than to repair or remove them.
    """
    if not problems:
        return
    listed = lines(problems, paths)
    if len(listed) > LISTED:
        listed[LISTED:] = [f"and {len(listed) - LISTED} more"]
    raise UserError(
        f"{len(problems)} of {len(paths)} image files can't be used; repair or "
        + ("remove them" if not otherwise else f"remove them, or {otherwise}")
        + ":\n  "
        + "\n  ".join(listed)
    )


def lines(problems: Problems, paths: Sequence[pathlib.Path]) -> List[str]:
    """What is wrong with each file, as 'path: problem', in their order."""
    return [f"{printable(paths[row])}: {problems[row]}" for row in sorted(problems)]


def few(names: Sequence[str], limit: int = 10) -> str:
    """Names for a message, at most ten."""
    words = [printable(name) for name in names[:limit]]
    if len(names) > limit:
        words.append(f"and {len(names) - limit} more")
    return ", ".join(words) or "nothing"


def channels(bands: Optional[Bands]) -> int:
    """How many channels images have; of photographs 3."""
    return bands.number if bands else 3


def size_of(path: pathlib.Path) -> Optional[Tuple[int, int]]:
    """Width and height in pixels, the right side up; None if it can't be told."""
    try:
        with Image.open(path, formats=FORMATS) as picture:  # reads the header only
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION, 1) > 4
    # Damaged files make decoders raise almost anything.
    except Exception:
        return None
    return (height, width) if turned else (width, height)


def usual_size(paths: Sequence[pathlib.Path], most: int = 200) -> Optional[int]:
    """The median of the shorter sides of images, in pixels.

    Args:
        paths: of the files.
        most: how many of them are looked at, at equal distances.

    Returns:
        None if there is no image whose size can be told.
    """
    chosen = paths[:: max(1, -(-len(paths) // most))]
    sizes = [size for size in map(size_of, chosen) if size]
    return int(np.median([min(size) for size in sizes])) if sizes else None


def _read_one(
    path: pathlib.Path, out: np.ndarray, bands: Optional[Bands]
) -> Optional[str]:
    """Decodes a file into `out`, uint8 [S, S, C]; says what is wrong if that fails."""
    try:
        if not path.is_file():  # opening a pipe would wait forever
            return "not a file, or a link to nothing"
        if not path.stat().st_size:
            return "empty"
        if bands:
            out[:] = band_files.square(path, out.shape[0], bands)
            return None
        with Image.open(path, formats=FORMATS) as picture:  # reads the header only
            width, height = picture.size
            if width * height > MAX_PIXELS:
                return f"{width} x {height} pixels; expected at most {MAX_PIXELS:,}"
            out[:] = resized_rgb(picture, *out.shape[:2])
    except UnidentifiedImageError:
        return "not a PNG, JPEG or BMP image, or damaged"
    except Image.DecompressionBombError:
        return f"far too many pixels; expected at most {MAX_PIXELS:,}"
    # Damaged files make decoders raise almost anything.
    except Exception as error:
        return printable(error) or type(error).__name__
    return None


def resized_rgb(picture: Image.Image, height: int, width: int) -> np.ndarray:
    """An image of any mode and size as uint8 [height, width, 3], as `read` makes it.

    Args:
        picture: opened, of which no pixel was read yet.
        height: of the result.
        width: of the result.
    """
    longer = 4 * max(height, width)  # the sides may be exchanged below
    picture.draft(None, (longer, longer))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        # 16-bit grey. Pillow's own conversion would clip the values at 255.
        upper_bits = np.asarray(picture).astype(np.int32) >> 8
        picture = Image.fromarray(upper_bits.astype(np.uint8))
    see_through = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
    picture = picture.convert("RGBA" if see_through else "RGB")
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    if see_through:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    return np.asarray(picture)
