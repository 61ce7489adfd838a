"""Predictions for a folder of images: label maps and overlays.

    OUT/classes.txt            names of the classes, the first of class 0
    OUT/legend.png             their colours
    OUT/<name>.png             class numbers, with the colours as palette, as in VOC
    OUT/<name>_overlay.png     the image, its classes in colours, and both blended

<name> is the image's path below its folder, without suffix.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import pathlib
from typing import Callable, List, Optional, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from mixdmt_tf import bounds
from mixdmt_tf.data import image_files
from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.data.segmentation import checking
from mixdmt_tf.data.segmentation.files import FileSample
from mixdmt_tf.data.segmentation.source import Source, paint
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import write_bytes_atomically
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.segmentation.inspection import beside_one_another
from mixdmt_tf.threads import read_ahead, written_behind

CLASSES, LEGEND, OVERLAY = "classes.txt", "legend.png", "_overlay"
LARGEST = 1024  # pixels: the longer side of each of the three images in an overlay
_ROWS, _ROW, _COLUMN = 25, 24, 240  # of the legend: lines in a column, their size

Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Gallery:
    """Images to be labelled, and the output folder.

    Attributes:
        source: the images as training images of unknown labels; their names are those
            of their label maps without the suffix.
        output: the output folder.
    """

    source: Source
    output: pathlib.Path

    def label_map(self, name: str) -> pathlib.Path:
        """Returns the path for the class numbers of an image."""
        return self.output / f"{name}.png"

    def overlay(self, name: str) -> pathlib.Path:
        """Returns the path for the overlay of an image."""
        return self.output / f"{name}{OVERLAY}.png"


def is_ours(output: pathlib.Path) -> bool:
    """Returns whether an earlier call of this command wrote to the folder."""
    return (output / CLASSES).is_file() and (output / LEGEND).is_file()


def open_gallery(
    model: Trained,
    folder: pathlib.Path,
    paths: Sequence[pathlib.Path],
    output: pathlib.Path,
) -> Gallery:
    """Names the images, and checks that no files of other programs are overwritten.

    Args:
        model: the trained network.
        folder: with the images below it.
        paths: of the images.
        output: the folder for the results; need not exist.

    Raises:
        UserError: if `output` is no folder, if it has files that would be replaced but
            were not written by this command, or if two names would be the same.
    """
    samples = _named(folder, paths, model.bands)
    files = [CLASSES, LEGEND]
    files += [f"{sample.name}{end}.png" for sample in samples for end in ("", OVERLAY)]
    twice = [name for name, count in collections.Counter(files).items() if count > 1]
    if twice:
        raise UserError(
            f"{image_files.printable(output / twice[0])} would be written for two "
            "images.\nRename one of them."
        )
    if output.exists() and not output.is_dir():
        raise UserError(
            f"--output={output} is a file; expected a folder, or a new name"
        )
    same = _names_them(output / CLASSES, _class_names(model))
    if is_ours(output):
        if not same:
            raise UserError(
                f"--output={output} has labels of other classes: see {CLASSES} there.\n"
                "Choose another folder."
            )
    else:
        # An earlier call may have ended with the first file that it writes.
        others = files[1:] if same else files
        there = [output / name for name in others if (output / name).exists()]
        if there:
            raise UserError(
                f"{image_files.printable(there[0])} is there already, and not written "
                "by this command.\nChoose another --output."
            )
    given = Source(
        name=image_files.printable(folder),
        class_names=model.class_names,
        train=samples,
        validation=(),
        colours=model.colours,
        channels=model.image_shape[-1],
    )
    return Gallery(given, output)


def _named(
    folder: pathlib.Path, paths: Sequence[pathlib.Path], bands: Optional[Bands]
) -> Sequence[FileSample]:
    """Returns names for paths, without suffix unless two differ only in the suffix."""
    stems = collections.Counter(path.with_suffix("") for path in paths)
    samples = []
    for path in paths:
        alone = stems[path.with_suffix("")] == 1
        name = (path.with_suffix("") if alone else path).relative_to(folder)
        samples.append(FileSample(str(name), False, path, bands=bands))
    return samples


def check(gallery: Gallery, progress: Progress) -> None:
    """Reads every image once.

    Raises:
        UserError: if images can't be used; names them.
    """
    checking.check(gallery.source, None, progress, otherwise="")


def write(
    model: Trained, weights: List[np.ndarray], gallery: Gallery, progress: Progress
) -> None:
    """Labels the images at their full size, one after the other.

    Args:
        model: the trained network.
        weights: the weights to use.
        gallery: the images.
        progress: called with (images done, images in all).

    Raises:
        UserError: if an image can't be read or is too large, or writing fails.
    """
    colours = np.asarray(model.colours)
    palette = paint(np.arange(256, dtype=np.uint8)[np.newaxis], colours)[0]

    def save(name: str, image: np.ndarray, labels: np.ndarray) -> None:
        label_map = Image.fromarray(labels)
        label_map.putpalette(palette.tobytes())
        gallery.label_map(name).parent.mkdir(parents=True, exist_ok=True)
        _save(label_map, gallery.label_map(name))
        _save(overlay(image, labels, colours), gallery.overlay(name))

    samples = gallery.source.train
    try:
        gallery.output.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(gallery.output / CLASSES, _class_names(model))
        _save(legend(model.class_names, colours), gallery.output / LEGEND)
        model.scorer.use(weights)
        images = read_ahead(FileSample.image, samples)
        with written_behind() as later:
            for done, (sample, image) in enumerate(images):
                progress(done, len(samples))
                later(save, sample.name, image, _labels(model, sample, image))
        progress(len(samples), len(samples))
    except OSError as error:
        raise UserError(
            f"--output={gallery.output} cannot be written: {error.strerror}"
        ) from error


def _labels(model: Trained, sample: FileSample, image: np.ndarray) -> np.ndarray:
    try:
        labels: np.ndarray = model.scorer.classes(image)
    except tf.errors.ResourceExhaustedError:
        raise UserError(
            f"{image_files.printable(sample.image_path)}: {image.shape[1]} x "
            f"{image.shape[0]} pixels need more memory than there is.\n"
            "Make the image smaller."
        ) from None
    return labels


def overlay(image: np.ndarray, labels: np.ndarray, colours: np.ndarray) -> Image.Image:
    """Draws the image, its classes in colours, and both blended, side by side.

    Args:
        image: uint8 [H, W, channels].
        labels: uint8 [H, W].
        colours: uint8 [C, 3].

    Returns:
        An image of three times the size, or of three times `LARGEST`.
    """
    picture, painted = map(Image.fromarray, (seen(image), paint(labels, colours)))
    share = min(1.0, LARGEST / max(picture.size))
    size = tuple(max(1, round(share * side)) for side in picture.size)
    if share < 1.0:
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        painted = painted.resize(size, Image.Resampling.NEAREST)
    blended = Image.blend(picture, painted, 0.5)
    return beside_one_another([picture, painted, blended])


def legend(class_names: Sequence[str], colours: np.ndarray) -> Image.Image:
    """Draws a legend with number, colour and name of each class, on white.

    Args:
        class_names: of the classes.
        colours: uint8 [C, 3].
    """
    font = ImageFont.load_default(14)
    columns = []
    for first in range(0, len(class_names), _ROWS):
        names = [*map(image_files.printable, class_names[first : first + _ROWS])]
        widest = max(_COLUMN, 90 + max(round(font.getlength(name)) for name in names))
        column = Image.new("RGB", (widest, _ROW * len(names) + 8), "white")
        draw = ImageDraw.Draw(column)
        for row, name in enumerate(names):
            y, number = _ROW * row + 4, first + row
            draw.text((36, y + 12), str(number), "black", font, anchor="rm")
            colour = tuple(map(int, colours[number]))
            draw.rectangle((44, y + 3, 72, y + 21), colour, outline="grey")
            draw.text((80, y + 12), name, "black", font, "lm")
        columns.append(column)
    return beside_one_another(columns)


def _names_them(path: pathlib.Path, names: bytes) -> bool:
    try:
        return bounds.read_bytes(path, bounds.TEXT_BYTES) == names
    except (OSError, bounds.TooLarge):
        return False


def _class_names(model: Trained) -> bytes:
    return "".join(f"{name}\n" for name in model.class_names).encode("utf-8")


def _save(picture: Image.Image, path: pathlib.Path) -> None:
    content = io.BytesIO()
    # The default level takes three times as long, and saves a tenth of the bytes.
    picture.save(content, "PNG", compress_level=1)
    write_bytes_atomically(path, content.getvalue())
