"""Lists folders of images and masks for reports, without raising for odd files."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Dict, List, Optional, Tuple

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation import datasets
from mixdmt_tf.data.segmentation.colours import Palette
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.datasets.voc import root_in
from mixdmt_tf.data.segmentation.files import FileSample, by_names
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.data.segmentation.text_files import read_lines


@dataclasses.dataclass
class Listing:
    """Images of each part, and other files.

    Attributes:
        root: root folder of the layout.
        parts: images of 'train', 'validation' and 'test', if there are any.
        masks_alone: masks without an image.
        remarks: remarks on other oddities.
        class_names: class names defined by the data set; None: files define them.
    """

    root: pathlib.Path
    parts: Dict[str, List[Sample]] = dataclasses.field(default_factory=dict)
    masks_alone: List[pathlib.Path] = dataclasses.field(default_factory=list)
    remarks: List[str] = dataclasses.field(default_factory=list)
    class_names: Optional[Tuple[str, ...]] = None


def layout(folder: pathlib.Path) -> str:
    """Determines the data set for segmentation from a folder's layout; '' if none.

    Args:
        folder: value for `--data_dir`.
    """
    if (folder / "images").is_dir() and (folder / "masks").is_dir():
        return "mask_folder"
    if root_in(folder):
        return "voc"
    if (folder / "leftImg8bit").is_dir():
        return "cityscapes"
    # A folder of images for classification may have JSON files as well: then only file
    # names of COCO and its exporters count.
    patterns = ["*/_annotations.coco.json"]
    patterns += [f"annotations/{kind}_*.json" for kind in ("instances", "panoptic")]
    if not _has_classes(folder):
        patterns += ["annotations/*.json", "*.json"]
    return "coco" if any(any(folder.glob(each)) for each in patterns) else ""


def _has_classes(folder: pathlib.Path) -> bool:
    """Whether a folder has class folders with images."""
    train = folder / "train"
    inner = train.is_dir() and any(path.is_dir() for path in train.iterdir())
    return inner or (folder / "labeled").is_dir()


def lists(
    folder: pathlib.Path, dataset: str, palette: Optional[Palette] = None
) -> Listing:
    """Lists a folder.

    Args:
        folder: value for `--data_dir`.
        dataset: name of the data set.
        palette: classes of the colours in masks, if known.

    Raises:
        UserError: if the data set has no files, or can't be opened.
    """
    if dataset == "mask_folder":
        return _mask_folder(folder, palette)
    if dataset == "voc":
        root = root_in(folder)
        if root:
            return _voc(root, palette)
    source = datasets.load(Config(dataset=dataset, data_dir=str(folder)))
    found = Listing(folder, class_names=source.class_names)
    found.parts = {part: [*samples] for part, samples in source.parts()}
    found.remarks += source.notes
    return found


def root_of(folder: pathlib.Path, dataset: str) -> pathlib.Path:
    """Returns the folder of classes.txt and colours.txt."""
    return (root_in(folder) if dataset == "voc" else None) or folder


def _mask_folder(root: pathlib.Path, palette: Optional[Palette]) -> Listing:
    found = Listing(root)
    for part, place in (("train", ""), ("validation", "val"), ("test", "test")):
        folder = root / place
        if place and not folder.is_dir():
            continue
        images = _images(folder / "images", found)
        masks = by_names(_images(folder / "masks", found), images)
        found.parts[part] = [
            _sample(name, path, masks.get(name), palette)
            for name, path in images.items()
        ]
        found.masks_alone += [masks[name] for name in masks if name not in images]
    return found


def _voc(root: pathlib.Path, palette: Optional[Palette]) -> Listing:
    found = Listing(root)
    images = _images(root / "JPEGImages", found)
    masks = _images(root / "SegmentationClass", found)
    if (root / "SegmentationClassAug").is_dir():
        masks.update(_images(root / "SegmentationClassAug", found))
    masks = by_names(masks, images)
    found.masks_alone = [masks[name] for name in masks if name not in images]
    folder = root / "ImageSets" / "Segmentation"
    train = "trainaug" if (folder / "trainaug.txt").exists() else "train"
    for part, stem in (("train", train), ("validation", "val"), ("test", "test")):
        path = folder / f"{stem}.txt"
        if not path.exists():
            continue
        names = dict.fromkeys(line.split()[0] for line in read_lines(path))
        missing = root / "JPEGImages"
        found.parts[part] = [
            _sample(name, images.get(name, missing / name), masks.get(name), palette)
            for name in names
        ]
    return found


def _sample(
    name: str,
    image: pathlib.Path,
    mask: Optional[pathlib.Path],
    palette: Optional[Palette],
) -> FileSample:
    return FileSample(
        name, mask is not None, image_path=image, mask_path=mask, palette=palette
    )


def _images(folder: pathlib.Path, found: Listing) -> Dict[str, pathlib.Path]:
    """Lists files by their names without suffix; of two, the first one."""
    files: Dict[str, pathlib.Path] = {}
    if not folder.is_dir():
        found.remarks.append(f"there is no folder {image_files.printable(folder)}")
        return files
    others: List[str] = []
    for path in sorted(folder.iterdir()):
        if image_files.hidden(path.name):
            continue
        if path.suffix.lower() not in image_files.SUFFIXES:
            others.append(path.name)
        elif path.stem in files:
            found.remarks.append(
                f"{image_files.printable(folder)} has two files for "
                f"{image_files.printable(path.stem)}"
            )
        else:
            files[path.stem] = path
    if others:
        found.remarks.append(
            f"{image_files.printable(folder)}: {len(others):,} files are not PNG, JPEG "
            f"or BMP, such as {image_files.printable(others[0])}"
        )
    return files
