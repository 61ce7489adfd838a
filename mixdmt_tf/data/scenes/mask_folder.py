"""Your own scenes: photographs in images/, label maps of the same name in masks/.

    --data_dir=DIR with DIR/images/<name>.jpg (or png, bmp)   training images
        DIR/masks/<name>.png    a class number for each pixel, 255: ignored
        DIR/classes.txt         names of the classes, one on each line, from class 0
        DIR/val/images/, DIR/val/masks/, DIR/test/images/, DIR/test/masks/

classes.txt may be missing: classes are then counted in the label maps. val/ may be
missing: `--validation` images of known labels, a tenth of them unless it is given, are
held out, the same ones for everybody. test/ may be missing. Training images without a
label map are unlabelled ones.
"""

from __future__ import annotations

import pathlib
import random
from typing import Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import pictures
from mixdmt_tf.data.scenes.config import Config
from mixdmt_tf.data.scenes.files import (
    LABEL_SUFFIXES,
    FileScene,
    by_stem,
    read_class_names,
    read_indices,
    read_palette,
)
from mixdmt_tf.data.scenes.source import IGNORED, Scenes, short
from mixdmt_tf.errors import UsageError, UserError

LAYOUT = (
    "expected images/ and masks/ with files of the same names, masks as PNG with a "
    "class number for each pixel"
)
_HELD_OUT_SEED = 7777


def find(config: Config) -> pathlib.Path:
    """The folder with images/ and masks/.

    Raises:
        UsageError: without `data_dir`.
        UserError: if one of the two is missing.
    """
    if not config.data_dir:
        raise UsageError(f"--dataset=mask_folder needs --data_dir=DIR; in DIR {LAYOUT}")
    root = pathlib.Path(config.data_dir).expanduser()
    _require_folders(root)
    return root


def load(config: Config) -> Scenes:
    """Opens a folder of images and masks.

    Raises:
        UsageError: without `data_dir`, or if `validation` leaves no labels.
        UserError: if folders are missing or empty, masks have no image, or, without
            classes.txt, masks can't be read or show fewer than two classes.
    """
    root = find(config)
    train = _scenes(root)
    if (root / "val").is_dir():
        validation = _judged(root / "val")
        if config.validation is not None:
            raise UsageError(
                f"--validation={config.validation}: {root / 'val'} has the validation "
                "images\nleave the flag out, or remove the folder"
            )
    else:
        train, validation = _hold_out(train, config.validation)
    known = [scene.mask_path for scene in train if scene.mask_path]
    if not known:
        raise UserError(
            f"{root / 'masks'} has no mask; expected one for each image that is to be "
            "learnt from as labelled"
        )
    path = root / "classes.txt"
    class_names = read_class_names(path) if path.exists() else _counted(known)
    return Scenes(
        name="mask_folder",
        class_names=class_names,
        train=train,
        validation=validation,
        test=_judged(root / "test") if (root / "test").is_dir() else None,
        colours=read_palette(known[0], len(class_names)),
    )


def _require_folders(folder: pathlib.Path) -> None:
    for name in ("images", "masks"):
        if not (folder / name).is_dir():
            raise UserError(f"{folder} has no folder {name}/; {LAYOUT}")


def _scenes(folder: pathlib.Path) -> Tuple[FileScene, ...]:
    """The images of a folder, with their masks if there are any."""
    _require_folders(folder)
    images = by_stem(folder / "images", pictures.SUFFIXES)
    masks = by_stem(folder / "masks", pictures.SUFFIXES)
    if not images:
        raise UserError(f"{folder / 'images'} has no PNG, JPEG or BMP images")
    lossy = [
        path.name
        for path in masks.values()
        if path.suffix.lower() not in LABEL_SUFFIXES
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
        FileScene(name, name in masks, image_path=path, mask_path=masks.get(name))
        for name, path in images.items()
    )


def _judged(folder: pathlib.Path) -> Tuple[FileScene, ...]:
    """Scenes that predictions are compared with: all need a mask."""
    scenes = _scenes(folder)
    nameless = [scene.name for scene in scenes if not scene.known]
    if nameless:
        raise UserError(f"{folder}: no mask for {short(nameless)}; {LAYOUT}")
    return scenes


def _hold_out(
    scenes: Sequence[FileScene], count: Optional[int]
) -> Tuple[Tuple[FileScene, ...], Tuple[FileScene, ...]]:
    """Training scenes, and `count` of them (or a tenth of the known) for validation."""
    known = [scene for scene in scenes if scene.known]
    if count is None:
        count = -(-len(known) // 10)
    if count >= len(known):
        raise UsageError(
            f"--validation={count}: only {len(known)} images have a mask, and at least "
            "one has to be left to learn from"
        )
    random.Random(_HELD_OUT_SEED).shuffle(known)
    held_out = {scene.name for scene in known[:count]}
    return (
        tuple(scene for scene in scenes if scene.name not in held_out),
        tuple(scene for scene in scenes if scene.name in held_out),
    )


def _counted(paths: Sequence[pathlib.Path]) -> Tuple[str, ...]:
    """Names 'class 0' to the highest number in the masks."""
    numbers = np.zeros(256, bool)
    for path in paths:
        numbers[read_indices(path)] = True
    found = np.flatnonzero(numbers)
    classes = found[found != IGNORED]
    if not len(classes) or classes[-1] < 1:
        raise UserError(
            f"the masks show only {short(found.tolist())}; expected two classes or "
            f"more, numbered from 0, and {IGNORED} for what is ignored\n"
            "masks of 0 and 255 have to be saved as 0 and 1"
        )
    return tuple(f"class {number}" for number in range(classes[-1] + 1))
