"""Images in the layout of PASCAL VOC: VOC 2012 itself, or your own images.

    --data_dir=DIR with DIR/JPEGImages/<name>.jpg
        DIR/SegmentationClass/<name>.png, or SegmentationClassAug/
        DIR/ImageSets/Segmentation/{train,val}.txt, names one on each line
        DIR/classes.txt, names of the classes, unless they are VOC's 21; or
        DIR/colours.txt, if masks are to be read by their colours (`colours.py`)

DIR may also be VOCdevkit, or the folder that contains it. With SBD's annotations, as
ImageSets/Segmentation/trainaug.txt and SegmentationClassAug/, there are 10,582 training
images instead of 1,464, as in DMT (arXiv:2004.08514) section 5.1. test.txt is used if
all its images have label maps, which VOC's own don't. Training images without a label
map are unlabelled.
"""

from __future__ import annotations

import pathlib
from typing import Dict, Mapping, Optional, Tuple

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation import label_maps
from mixdmt_tf.data.segmentation.class_files import (
    colours_of,
    read_classes,
    require_numbers,
)
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.files import FileSample, by_names, by_stem
from mixdmt_tf.data.segmentation.source import Source, short
from mixdmt_tf.data.segmentation.text_files import read_lines
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded

# In place of the papers' DeepLab-v2 on ResNet-101, which needs weights and a GPU.
assumes = {"segmentation_sgd": {"network": "auto"}}
CLASSES = tuple(
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable "
    "dog horse motorbike person pottedplant sheep sofa train tvmonitor".split()
)
LAYOUT = (
    "expected JPEGImages/, SegmentationClass/ (or SegmentationClassAug/) and "
    "ImageSets/Segmentation/train.txt (or trainaug.txt) with val.txt"
)
_MAPS = ("SegmentationClass", "SegmentationClassAug")  # the second takes precedence
_USED = ("train", "trainaug", "val", "test")
_LISTS = pathlib.PurePath("ImageSets", "Segmentation")


def find(config: Config) -> pathlib.Path:
    """Finds the folder with JPEGImages/.

    Raises:
        UsageError: without `data_dir`, or as `class_files.read_classes`.
        UserError: if a folder or a list is missing, or as `class_files.read_classes`.
    """
    if not config.data_dir:
        raise UsageError(f"--dataset=voc needs --data_dir=DIR; in DIR {LAYOUT}")
    root = root_in(expanded(config.data_dir))
    if root is None:
        raise UserError(f"--data_dir={config.data_dir}: {LAYOUT}")
    lists = _lists(root)
    for name in (_train(lists), "val"):
        if name not in lists:
            raise UserError(
                f"{root}: there is no {_LISTS / f'{name}.txt'}; {LAYOUT}\n"
                f"found {short(sorted(lists))}"
            )
    if not any((root / folder).is_dir() for folder in _MAPS):
        raise UserError(f"{root} has no label maps; {LAYOUT}")
    read_classes(root, config.unknown_colour)
    return root


def load(config: Config) -> Source:
    """Opens a folder in VOC's layout.

    Raises:
        UsageError: without `data_dir`.
        UserError: if folders or lists are missing, or a list is empty or repeats a
            name. `checking.check` reports missing images, and missing label maps of
            validation images.
    """
    root = find(config)
    class_names, palette = read_classes(root, config.unknown_colour)
    class_names = class_names or CLASSES
    lists = _lists(root)
    train = _train(lists)
    names = {part: read_names(lists[part]) for part in lists if part in _USED}
    images = by_stem(root / "JPEGImages", image_files.SUFFIXES)
    maps: Dict[str, pathlib.Path] = {}
    for folder in _MAPS:
        if (root / folder).is_dir():
            maps.update(by_stem(root / folder, label_maps.SUFFIXES))
    maps = by_names(maps, images)
    if not maps:
        raise UserError(f"{root} has no label maps; {LAYOUT}")
    first = next(iter(maps.values()))
    if palette is None:
        require_numbers([*maps.values()], root)

    def sample(name: str, judged: bool) -> FileSample:
        image = images.get(name, root / "JPEGImages" / f"{name}.jpg")
        mask = maps.get(name)
        if judged and not mask:  # `checking.check` will report it, by name
            mask = root / "SegmentationClass" / f"{name}.png"
        known = mask is not None
        return FileSample(
            name, known, image_path=image, mask_path=mask, palette=palette
        )

    def source(part: str) -> Tuple[FileSample, ...]:
        return tuple(sample(name, part != train) for name in sorted(names[part]))

    notes = []
    both = len(set(names[train]) & set(names["val"]))
    if both:
        notes.append(f"{both:,} images are in both {train}.txt and val.txt")
    nameless = len(set(names[train]) - set(maps))
    if nameless:
        notes.append(
            f"{nameless:,} images of {train}.txt have no label map: they are unlabelled"
        )
    without = len(set(names.get("test", ())) - set(maps))
    if without:
        notes.append(f"test.txt is left out: {without:,} images have no label map")
    return Source(
        name="voc",
        class_names=class_names,
        train=source(train),
        validation=source("val"),
        test=source("test") if "test" in names and not without else None,
        colours=colours_of(palette, first, len(class_names)),
        lists={part: names[part] for part in ("train", "trainaug") if part in names},
        notes=tuple(notes),
    )


def read_names(path: pathlib.Path) -> Tuple[str, ...]:
    """Reads the names in a list; anything after the name on a line is ignored.

    Raises:
        UserError: if there is no name, or one occurs twice.
    """
    names = tuple(line.split()[0] for line in read_lines(path))
    if not names:
        raise UserError(f"{path} is empty; expected names of images")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path} has {image_files.printable(twice)} twice")
    return names


def _lists(root: pathlib.Path) -> Dict[str, pathlib.Path]:
    """Returns the files of the lists of names."""
    return {path.stem: path for path in sorted((root / _LISTS).glob("*.txt"))}


def _train(lists: Mapping[str, pathlib.Path]) -> str:
    """Returns the name of the list of training images."""
    return "trainaug" if "trainaug" in lists else "train"


def root_in(folder: pathlib.Path) -> Optional[pathlib.Path]:
    """Finds the folder with JPEGImages: `folder`, or VOC 2012 in it; or None."""
    for inner in ("", "VOC2012", "VOCdevkit/VOC2012"):
        if (folder / inner / "JPEGImages").is_dir():
            return folder / inner
    return None
