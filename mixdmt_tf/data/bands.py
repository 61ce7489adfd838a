"""Images of any number of channels and of 8, 16 or 32 bits: of satellites, microscopes.

PNG, JPEG, BMP, TIFF and NumPy's `.npy` files. Channels stay what they are: nothing is
converted to colours, and a fourth one is no transparency. Values become levels, uint8,
as the rest of the package has them: `Bands.low` becomes 0 and `Bands.high` 255.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Optional, Tuple

import numpy as np
from PIL import Image

from mixdmt_tf import bounds
from mixdmt_tf.errors import UsageError, UserError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
TIFF, NUMPY = (".tif", ".tiff"), ".npy"
SUFFIXES = (*PICTURES, *TIFF, NUMPY)
FORMATS = ("PNG", "JPEG", "BMP")
DTYPES = ("uint8", "uint16", "int16", "float32", "float64")


@dataclasses.dataclass(frozen=True)
class Bands:
    """What the images of a data set have in common.

    Attributes:
        number: of channels, C.
        low: the value that becomes level 0; None with `high`: the whole range of the
            file's type, from 0 to 255 or to 65,535.
        high: the value that becomes level 255.
    """

    number: int
    low: Optional[float] = None
    high: Optional[float] = None

    def size(self, path: pathlib.Path) -> Tuple[int, int]:
        """(H, W) of a file; of those whose header does not say so by reading it.

        Raises:
            UserError: naming the file.
        """
        return self._named(path, lambda: _shape(path)[:2])

    def image(self, path: pathlib.Path) -> np.ndarray:
        """A file's image, uint8 [H, W, C].

        Raises:
            UserError: naming the file.
        """
        return self._named(path, lambda: self._levels(self._values(path)))

    def square(self, path: pathlib.Path, side: int) -> np.ndarray:
        """A file's image resized as a whole, bilinear with antialiasing.

        Values are resized, and rounded to levels only then.

        Args:
            path: of the file.
            side: height and width.

        Returns:
            uint8 [side, side, C].

        Raises:
            UserError: saying what is wrong with the file, without its name.
        """
        values = self._values(path)
        levels = np.empty((side, side, self.number), np.uint8)
        for number in range(self.number):
            band = Image.fromarray(values[..., number].astype(np.float32))
            band = band.resize((side, side), Image.Resampling.BILINEAR)
            levels[..., number] = self._levels(np.asarray(band), values.dtype)
        return levels

    def _named(self, path: pathlib.Path, read):
        try:
            return read()
        # Damaged files make decoders raise almost anything.
        except Exception as error:
            words = str(error) or type(error).__name__
            words = words if words.isprintable() else ascii(words)
            name = str(path) if str(path).isprintable() else ascii(str(path))
            raise UserError(f"{name}: {words}") from error

    def _values(self, path: pathlib.Path) -> np.ndarray:
        """The values in a file, [H, W, C] of one of DTYPES."""
        if not path.is_file():  # opening a pipe would wait forever
            raise UserError("not a file, or a link to nothing")
        if not path.stat().st_size:
            raise UserError("empty")
        shape = _shape(path)
        if shape[0] * shape[1] * shape[2] > 4 * bounds.PIXELS:
            raise UserError(
                f"{shape[1]} x {shape[0]} x {shape[2]} values; expected at most "
                f"{4 * bounds.PIXELS:,}"
            )
        if shape[2] != self.number:
            raise UserError(f"{shape[2]} channels; expected --channels={self.number}")
        values = _read(path)
        if values.dtype.name not in DTYPES:
            raise UserError(f"{values.dtype} values; expected {', '.join(DTYPES)}")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError("values that are not finite")
        if self.low is None and values.dtype.name not in ("uint8", "uint16"):
            raise UserError(
                f"{values.dtype} values; say with --pixel_range=LOW,HIGH which of them "
                "are black and white"
            )
        return values.reshape(shape)

    def _levels(self, values: np.ndarray, dtype: Optional[np.dtype] = None):
        """uint8 levels of values; `dtype` is that of the file."""
        dtype = dtype or values.dtype
        if self.low is None and dtype == np.uint8:
            if values.dtype == np.uint8:
                return values
            low, high = 0.0, 255.0
        elif self.low is None:
            low, high = 0.0, float(np.iinfo(dtype).max)
        else:
            low, high = self.low, float(self.high or 0.0)
        scaled = (values.astype(np.float32) - low) * (255.0 / (high - low))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def suffixes(bands: Optional[Bands]) -> Tuple[str, ...]:
    """Of the files that are images, in lower case."""
    return SUFFIXES if bands else PICTURES


def of(channels: Optional[int], pixel_range: str) -> Optional[Bands]:
    """What --channels and --pixel_range say; None: photographs in colour.

    Raises:
        UsageError: if they can't be read, or don't go together.
    """
    if channels is None:
        if pixel_range:
            raise UsageError(
                f"--pixel_range={pixel_range} needs --channels=N, the number of "
                "channels of the images, such as 1 or 4"
            )
        return None
    if not pixel_range:
        return Bands(channels)
    try:
        low, high = map(float, pixel_range.split(","))
        sound = np.isfinite([low, high]).all() and low < high
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(
            f"--pixel_range={pixel_range}: expected the value that is black and the "
            "larger one that is white, such as 0,4095"
        )
    return Bands(channels, low, high)


def seen(images: np.ndarray) -> np.ndarray:
    """What people are shown of images: the first three channels as colours, or grey.

    Args:
        images: uint8 [..., C].

    Returns:
        uint8 [..., 3]; with less than three channels the first one as grey.
    """
    if images.shape[-1] < 3:
        return np.repeat(images[..., :1], 3, axis=-1)
    return images[..., :3]


def _shape(path: pathlib.Path) -> Tuple[int, int, int]:
    """(H, W, C), from the file's header."""
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
        if picture.mode in ("P", "1"):
            raise UserError("an image with a palette; expected values")
        values = np.asarray(picture)
    # 16-bit grey comes as 32 bits from some versions of Pillow.
    return values.astype(np.uint16) if values.dtype == np.int32 else values


def _numpy(path: pathlib.Path) -> np.ndarray:
    """The array of a file, mapped: only its header is read. No pickles."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _tiff_shape(path: pathlib.Path) -> Tuple[int, ...]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        shape = tuple(file.series[0].shape)
    return (*shape[1:], shape[0]) if _bands_first(shape) else shape


def _bands_first(shape: Tuple[int, ...]) -> bool:
    """Whether an array is [C, H, W], as planar TIFF and files of many pages are."""
    return len(shape) == 3 and shape[0] < min(shape[1:])
