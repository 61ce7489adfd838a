"""Your own images: photographs in images/, masks with the same names in masks/.

    --data_dir=DIR with DIR/images/<name>.jpg (or png, bmp)   training images; with
                                --channels=N also tif and npy (`data/band_files.py`)
        DIR/masks/<name>.png    a class for each pixel: a number, 255: ignored; or a
                                colour, if there is
        DIR/colours.txt         what colours mean (`colours.py`)
        DIR/classes.txt         names of the classes, one on each line, from class 0
        DIR/val/images/, DIR/val/masks/, DIR/test/images/, DIR/test/masks/

colours.txt and classes.txt are optional: without them, classes are counted in the
masks. val/ is optional: without it, `--validation` labelled images (default: a tenth of
them) are held out, always the same ones. test/ is optional. Training images without a
mask are unlabelled.
"""

from __future__ import annotations

import pathlib
from typing import Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.data.bands import Bands, kinds, suffixes
from mixdmt_tf.data.segmentation import label_maps
from mixdmt_tf.data.segmentation.class_files import (
    colours_of,
    read_classes,
    require_numbers,
)
from mixdmt_tf.data.segmentation.colours import Palette
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.files import FileSample, by_names, by_stem
from mixdmt_tf.data.segmentation.held_out import hold_out
from mixdmt_tf.data.segmentation.source import IGNORED, Source, short
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded

# In place of the papers' DeepLab-v2 on ResNet-101, which needs weights and a GPU.
assumes = {"segmentation_sgd": {"network": "auto"}}
LAYOUT = (
    "expected images/ and masks/ with files of the same names, masks as PNG with a "
    "class number for each pixel, or with colours and a colours.txt"
)


def find(config: Config) -> pathlib.Path:
    """Finds the folder with images/ and masks/.

    Raises:
        UsageError: without `data_dir`, or as `class_files.read_classes`.
        UserError: if one of the two is missing, or as `class_files.read_classes`.
    """
    if not config.data_dir:
        raise UsageError(f"--dataset=mask_folder needs --data_dir=DIR; in DIR {LAYOUT}")
    root = expanded(config.data_dir)
    _require_folders(root)
    read_classes(root, config.unknown_colour)
    return root


def load(config: Config) -> Source:
    """Opens a folder of images and masks.

    Raises:
        UsageError: without `data_dir`, or if `validation` leaves no labels.
        UserError: if folders are missing or empty, masks have no image, or masks have
            colours and there is no colours.txt; or, without classes.txt and
            colours.txt, if masks can't be read or have fewer than two classes.
    """
    root = find(config)
    class_names, palette = read_classes(root, config.unknown_colour)
    bands = config.bands
    train = _samples(root, palette, bands)
    masks = [sample.mask_path for sample in train if sample.mask_path]
    if not masks:
        raise UserError(
            f"{root / 'masks'} has no mask; expected one for each image that is to be "
            "trained on as labelled"
        )
    if (root / "val").is_dir():
        validation = _judged(root / "val", palette, bands)
        if config.validation is not None:
            raise UsageError(
                f"--validation={config.validation}: {root / 'val'} has the validation "
                "images\nleave the flag out, or remove the folder"
            )
    else:
        train, validation = hold_out(train, config.validation)
    judged = (root / "test").is_dir()
    test = _judged(root / "test", palette, bands) if judged else None
    known = [sample.mask_path for sample in train if sample.mask_path]
    if palette is None:
        require_numbers(known, root)
    # Also in held-out masks: a rare class may occur only there.
    class_names = class_names or _counted(masks, config.on_bad_image == "skip")
    return Source(
        name="mask_folder",
        class_names=class_names,
        train=train,
        validation=validation,
        test=test,
        colours=colours_of(palette, known[0], len(class_names)),
        channels=image_files.channels(bands),
    )


def _require_folders(folder: pathlib.Path) -> None:
    for name in ("images", "masks"):
        if not (folder / name).is_dir():
            raise UserError(f"{folder} has no folder {name}/; {LAYOUT}")


def _samples(
    folder: pathlib.Path, palette: Optional[Palette], bands: Optional[Bands]
) -> Tuple[FileSample, ...]:
    """Lists the images of a folder, with their masks if there are any."""
    _require_folders(folder)
    images = by_stem(folder / "images", suffixes(bands))
    masks = by_names(by_stem(folder / "masks", image_files.SUFFIXES), images)
    if not images:
        expected = kinds(suffixes(bands))
        raise UserError(f"{folder / 'images'} has no {expected} images")
    lossy = [
        path.name
        for path in masks.values()
        if path.suffix.lower() not in label_maps.SUFFIXES
    ]
    if lossy:
        raise UserError(
            f"{folder / 'masks'}: {short(lossy)}\nJPEG changes class numbers when it "
            "saves them; expected masks as PNG, from before they were JPEG"
        )
    alone = sorted(set(masks) - set(images))
    if alone:
        raise UserError(
            f"{folder / 'masks'}: no image for {short(alone)}; {LAYOUT}\n"
            "rename or remove them"
        )
    return tuple(
        FileSample(
            name,
            name in masks,
            image_path=path,
            mask_path=masks.get(name),
            palette=palette,
            bands=bands,
        )
        for name, path in images.items()
    )


def _judged(
    folder: pathlib.Path, palette: Optional[Palette], bands: Optional[Bands]
) -> Tuple[FileSample, ...]:
    """Lists images for evaluation, which all need a mask."""
    samples = _samples(folder, palette, bands)
    nameless = [sample.name for sample in samples if not sample.known]
    if nameless:
        raise UserError(f"{folder}: no mask for {short(nameless)}; {LAYOUT}")
    return samples


def _counted(paths: Sequence[pathlib.Path], skip: bool) -> Tuple[str, ...]:
    """Names classes 0 to the highest in the masks; `skip` ignores bad masks."""
    numbers = np.zeros(256, bool)
    for path in paths:
        try:
            numbers[label_maps.read_indices(path)] = True
        except UserError:
            if not skip:
                raise
    found = np.flatnonzero(numbers)
    classes = found[found != IGNORED]
    if not len(classes) or classes[-1] < 1:
        raise UserError(
            f"the masks show only {short(found.tolist())}; expected two classes or "
            f"more, numbered from 0, and {IGNORED} for what is ignored\n"
            "masks of 0 and 255 need a colours.txt with a name for 0 0 0 and one for "
            "255 255 255, or to be saved as 0 and 1"
        )
    return tuple(f"class {number}" for number in range(classes[-1] + 1))
