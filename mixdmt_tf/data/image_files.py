"""Finds image files, checks and decodes them, and resizes them to one size.

PNG, JPEG and BMP of any size and mode become uint8 RGB. Images with other channels are
read by `band_files.py` if `bands` is given. The whole image is resized to a square,
whatever its aspect ratio, and nothing is cropped. Transparent pixels are put on white,
the EXIF orientation is applied, and of 16 bits per channel the upper 8 are kept. No
file is ever written or renamed.
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
# A file of a few kilobytes can decode to gigabytes. 50 million pixels, more than most
# cameras take, need 200 MB while they are decoded.
MAX_PIXELS = bounds.PIXELS
ORIENTATION = 0x0112  # EXIF tag; with values 5 to 8, width and height are exchanged
LISTED = 20
CHUNK = 16

Problems = Dict[int, str]  # descriptions of the problems of unusable files, by row


def find(
    folder: pathlib.Path,
    suffixes: Sequence[str] = SUFFIXES,
    paths: Optional[Paths] = None,
) -> Tuple[Paths, int]:
    """Finds all image files below a folder.

    Links to folders are followed, each folder once. Image files are recognised by their
    suffix, in upper or lower case.

    Args:
        folder: folder to search.
        suffixes: suffixes of image files, in lower case.
        paths: paths to which the found ones are added; `folder` has to be below their
            root. None: new paths.

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
    """Adds the images of a folder in sorted order, and counts all other entries."""
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
    """Whether a file or folder is hidden, by its name."""
    return name.startswith(".")


def printable(text: object) -> str:
    """Makes a path or name printable: no line breaks, control codes or surrogates."""
    word = str(text)
    return word if word.isprintable() else ascii(word)


def read(
    paths: Sequence[pathlib.Path], size: int, bands: Optional[Bands] = None
) -> np.ndarray:
    """Decodes files in parallel and resizes each to `size` x `size`.

    Resizing is bilinear with antialiasing (Pillow's). A large JPEG is decoded at a
    reduced size that is at least four times the requested one.

    Args:
        paths: paths of the files.
        size: height and width.
        bands: channels and value range, if they are not photographs.

    Returns:
        uint8 [N, size, size, C]; C = 3 for photographs.

    Raises:
        UserError: if files can't be used; names up to 20 of them, with the reasons.
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
    """Decodes files in parallel like `read`, without raising for unusable files.

    Args:
        paths: paths of N files.
        out: output, uint8 [N, S, S, C]; rows of unusable files are set to zero.
        report: called with the number of files of each chunk that is done.
        bands: channels and value range, if they are not photographs.

    Returns:
        Descriptions of the problems of unusable files, by row.
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
        # Pillow warns of defects that it can handle, without naming the file.
        warnings.simplefilter("ignore")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for found in pool.map(decode_chunk, starts):
                problems.update(found)
    return problems


def refuse(
    problems: Problems, paths: Sequence[pathlib.Path], otherwise: str = ""
) -> None:
    """Raises a UserError with the files (up to 20) and their problems, if any.

    Args:
        problems: problems by row.
        paths: paths of all files.
        otherwise: what the user can do instead of repairing or removing the files.
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
    """Returns the problems as lines 'path: problem', in the order of the files."""
    return [f"{printable(paths[row])}: {problems[row]}" for row in sorted(problems)]


def few(names: Sequence[str], limit: int = 10) -> str:
    """Joins names for a message, at most `limit` of them."""
    words = [printable(name) for name in names[:limit]]
    if len(names) > limit:
        words.append(f"and {len(names) - limit} more")
    return ", ".join(words) or "nothing"


def channels(bands: Optional[Bands]) -> int:
    """Returns the number of channels; 3 for photographs."""
    return bands.number if bands else 3


def size_of(path: pathlib.Path) -> Optional[Tuple[int, int]]:
    """Returns (width, height) after EXIF rotation; None if the file can't be read."""
    try:
        with Image.open(path, formats=FORMATS) as picture:  # reads the header only
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION, 1) > 4
    # Damaged files make decoders raise almost anything.
    except Exception:
        return None
    return (height, width) if turned else (width, height)


def usual_size(paths: Sequence[pathlib.Path], most: int = 200) -> Optional[int]:
    """Returns the median of the shorter sides of images, in pixels.

    Args:
        paths: paths of the files.
        most: number of files to read at most, evenly spaced.

    Returns:
        The median, or None if no file can be read.
    """
    chosen = paths[:: max(1, -(-len(paths) // most))]
    sizes = [size for size in map(size_of, chosen) if size]
    return int(np.median([min(size) for size in sizes])) if sizes else None


def _read_one(
    path: pathlib.Path, out: np.ndarray, bands: Optional[Bands]
) -> Optional[str]:
    """Decodes a file into `out`, uint8 [S, S, C]; returns the problem if it fails."""
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
    """Converts an image of any mode and size like `read`: uint8 [height, width, 3].

    Args:
        picture: opened image, before any pixel is read.
        height: height of the result.
        width: width of the result.
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
