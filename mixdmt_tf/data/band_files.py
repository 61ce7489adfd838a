"""Reads images with any number of channels, such as satellite and microscope images.

Formats are PNG, JPEG, BMP, TIFF and NumPy's `.npy`. Channels are used as they are: they
are not converted to colours, and a fourth channel is not transparency. Values are
scaled to uint8 levels, which the rest of the package uses: `Bands.low` becomes 0 and
`Bands.high` becomes 255.
"""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Optional, Tuple

import numpy as np
from PIL import Image

from mixdmt_tf import bounds
from mixdmt_tf.data.bands import NUMPY, TIFF, Bands
from mixdmt_tf.errors import UserError

FORMATS = ("PNG", "JPEG", "BMP")
_BIT_DEPTH = 24  # offset of the byte of a PNG that has the bits of each value
DTYPES = ("uint8", "uint16", "int16", "float32", "float64")


def size(path: pathlib.Path) -> Tuple[int, int]:
    """Returns (H, W) of a file, from its header.

    Raises:
        UserError: if the file can't be read, with its name.
    """
    found: Tuple[int, int] = _named(path, lambda: _shape(path)[:2])
    return found


def shown_size(path: pathlib.Path) -> Tuple[int, int]:
    """Returns (width, height) of a readable file, like `image_files.size_of`."""
    height, width = size(path)
    return width, height


def image(path: pathlib.Path, bands: Bands) -> np.ndarray:
    """Reads an image: uint8 [H, W, C].

    Args:
        path: path of the file.
        bands: channels and value range of the image.

    Raises:
        UserError: if the file can't be used, with its name.
    """
    found: np.ndarray = _named(path, lambda: _levels(_values(path, bands), bands))
    return found


def square(path: pathlib.Path, side: int, bands: Bands) -> np.ndarray:
    """Reads an image and resizes it to a square, bilinear with antialiasing.

    The values of the file are resized first and rounded to levels afterwards.

    Args:
        path: path of the file.
        side: height and width.
        bands: channels and value range of the image.

    Returns:
        uint8 [side, side, C].

    Raises:
        UserError: if the file can't be used; the message does not name the file.
    """
    return _resized(_values(path, bands), (side, side), bands)


def of_picture(
    picture: Image.Image, bands: Bands, size: Optional[Tuple[int, int]]
) -> np.ndarray:
    """Converts an opened PNG, JPEG or BMP as `image` or, with a size, `square` does.

    Args:
        picture: the opened image.
        bands: channels of the image; its values are those of the file's type.
        size: (h, w) of the result; None: that of the image.

    Returns:
        uint8 [h, w, C].

    Raises:
        UserError: if the image has other channels.
    """
    values = _of_channels(_picture(picture), bands)
    return _levels(values, bands) if size is None else _resized(values, size, bands)


def _resized(values: np.ndarray, size: Tuple[int, int], bands: Bands) -> np.ndarray:
    height, width = size
    levels = np.empty((height, width, bands.number), np.uint8)
    for number in range(bands.number):
        band = Image.fromarray(values[..., number].astype(np.float32))
        band = band.resize((width, height), Image.Resampling.BILINEAR)
        levels[..., number] = _levels(np.asarray(band), bands, values.dtype)
    return levels


def _of_channels(values: np.ndarray, bands: Bands) -> np.ndarray:
    values = values[..., np.newaxis] if values.ndim == 2 else values
    if values.shape[2] != bands.number:
        raise UserError(f"{values.shape[2]} channels; expected {bands.number}")
    return values


def _named(path: pathlib.Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    # Decoders can raise almost any exception for damaged files.
    except Exception as error:
        words = str(error) or type(error).__name__
        words = words if words.isprintable() else ascii(words)
        name = str(path) if str(path).isprintable() else ascii(str(path))
        raise UserError(f"{name}: {words}") from error


def _values(path: pathlib.Path, bands: Bands) -> np.ndarray:
    """Reads the values of a file: [H, W, C] with one of DTYPES."""
    if not path.is_file():  # opening a pipe would wait forever
        raise UserError("not a file, or a link to nothing")
    if not path.stat().st_size:
        raise UserError("empty")
    shape = _shape(path)
    if 0 in shape:
        raise UserError(f"{shape[1]} x {shape[0]} x {shape[2]} values: none")
    if shape[0] * shape[1] * shape[2] > 4 * bounds.PIXELS:
        raise UserError(
            f"{shape[1]} x {shape[0]} x {shape[2]} values; expected at most "
            f"{4 * bounds.PIXELS:,}"
        )
    if shape[2] != bands.number:
        raise UserError(f"{shape[2]} channels; expected --channels={bands.number}")
    values = _read(path)
    if bands.low is not None and values.dtype == np.uint8 and _is_deep(path):
        raise UserError(
            f"a PNG of 16 bits and {bands.number} channels, of which only the upper 8 "
            "bits can be read; with --pixel_range save it as TIFF or .npy"
        )
    if values.dtype.name not in DTYPES:
        raise UserError(f"{values.dtype} values; expected {', '.join(DTYPES)}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UserError("values that are not finite")
    if bands.low is None and values.dtype.name not in ("uint8", "uint16"):
        raise UserError(
            f"{values.dtype} values; give the values of black and white with "
            "--pixel_range=LOW,HIGH"
        )
    return values.reshape(shape)


def _levels(
    values: np.ndarray, bands: Bands, dtype: Optional[np.dtype] = None
) -> np.ndarray:
    """Scales values to uint8 levels; `dtype` is the dtype in the file."""
    dtype = dtype or values.dtype
    if bands.low is None and dtype == np.uint8:
        if values.dtype == np.uint8:
            return values
        low, high = 0.0, 255.0
    elif bands.low is None:
        low, high = 0.0, float(np.iinfo(dtype).max)
    else:
        low, high = bands.low, float(bands.high or 0.0)
    scaled = (values.astype(np.float32) - low) * (255.0 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def seen(images: np.ndarray) -> np.ndarray:
    """Converts images to RGB for display.

    Args:
        images: uint8 [..., C].

    Returns:
        uint8 [..., 3]: the first three channels; with fewer than three channels, the
        first one as grey.
    """
    if images.shape[-1] < 3:
        return np.repeat(images[..., :1], 3, axis=-1)
    return images[..., :3]


def _shape(path: pathlib.Path) -> Tuple[int, int, int]:
    """Returns (H, W, C) from the file's header."""
    suffix = path.suffix.lower()
    if suffix == NUMPY:
        shape = _numpy(path).shape
    elif suffix in TIFF:
        shape = _tiff_shape(path)
    else:
        with Image.open(path, formats=FORMATS) as picture:
            shape = (*picture.size[::-1], len(picture.getbands()))
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3:
        raise UserError(f"an array of {len(shape)} axes; expected height, width, bands")
    height, width, bands = map(int, shape)
    return height, width, bands


def _read(path: pathlib.Path) -> np.ndarray:
    suffix = path.suffix.lower()
    if suffix == NUMPY:
        return np.array(_numpy(path))
    if suffix in TIFF:
        import tifffile

        values = np.asarray(tifffile.imread(path))
        return np.moveaxis(values, 0, -1) if _bands_first(values.shape) else values
    with Image.open(path, formats=FORMATS) as picture:
        return _picture(picture)


def _picture(picture: Image.Image) -> np.ndarray:
    if picture.mode in ("P", "1"):
        raise UserError("an image with a palette; expected channels of values")
    values = np.asarray(picture)
    # Some versions of Pillow return 16-bit grey as 32 bits.
    return values.astype(np.uint16) if values.dtype == np.int32 else values


def _is_deep(path: pathlib.Path) -> bool:
    """Whether a file is a PNG of 16 bits, which Pillow keeps only for one channel."""
    with path.open("rb") as file:
        header = file.read(_BIT_DEPTH + 1)
    return header.startswith(b"\x89PNG") and header[_BIT_DEPTH:] == b"\x10"


def _numpy(path: pathlib.Path) -> np.ndarray:
    """Memory-maps the array of a file, without pickles; reads only the header."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _tiff_shape(path: pathlib.Path) -> Tuple[int, ...]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        shape = tuple(file.series[0].shape)
    return (*shape[1:], shape[0]) if _bands_first(shape) else shape


def _bands_first(shape: Tuple[int, ...]) -> bool:
    """Whether an array is [C, H, W], as in planar and multi-page TIFF files."""
    return len(shape) == 3 and shape[0] < min(shape[1:])
