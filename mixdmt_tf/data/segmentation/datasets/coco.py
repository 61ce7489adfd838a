"""Images with annotations in COCO's JSON, as labelling programs export them.

    --data_dir=DIR with one JSON for each part, found by its name:
        DIR/annotations/instances_train2017.json, .../instances_val2017.json     (COCO)
        DIR/train/_annotations.coco.json, DIR/valid/..., DIR/test/...
        DIR/annotations/instances_default.json, or any one JSON          (one part only)

A JSON belongs to a part if its name, or that of its folder, has the word train, val
(valid, validation) or test. If a part has several, instances take precedence over
panoptic segmentation, whose PNGs are in a folder with the JSON's name next to it.
Images are in DIR/train2017/ (as in the JSON's name), DIR/images/train2017/,
DIR/images/, next to the JSON, or in DIR.

`coco_files.py` says what becomes of categories, crowds and boxes, `regions.py` which
pixels belong to an outline and what lies on top. Training images without annotations
are unlabelled ones, and so are those in the folder of the training images that no JSON
names, and all in DIR/unlabeled/ or DIR/unlabeled2017/; images for validation and test
without annotations are left out. Without validation images, some are held out
(`--validation`).
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from typing import Dict, List, Optional, Sequence, Set, Tuple

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation import coco_files
from mixdmt_tf.data.segmentation.coco_files import Annotations, Entry
from mixdmt_tf.data.segmentation.colours import Palette
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.files import FileSample, require_size
from mixdmt_tf.data.segmentation.held_out import hold_out
from mixdmt_tf.data.segmentation.regions import Region, label_map
from mixdmt_tf.data.segmentation.source import Source, short
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded

# In place of the papers' DeepLab-v2 on ResNet-101, which needs weights and a GPU.
assumes = {"segmentation_sgd": {"network": "auto"}}
LAYOUT = (
    "expected COCO's JSON, such as annotations/instances_train2017.json or "
    "train/_annotations.coco.json, and the images in train2017/, images/ or beside it"
)
_PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
# Of captions, of key points, and of images whose annotations are secret.
_OTHERS = ("captions_", "person_keypoints_", "image_info_")


@dataclasses.dataclass(frozen=True)
class CocoSample(FileSample):
    """An image with outlines.

    Attributes:
        regions: regions of the objects.
        background: class of all other pixels, or 255.
        annotated: (H, W) of the image in the annotations.
        place: the file of the annotations.
    """

    regions: Tuple[Region, ...] = ()
    background: int = 0
    annotated: Tuple[int, int] = (0, 0)
    place: str = ""

    def labels_place(self) -> str:
        """See `Sample.labels_place`."""
        return f"{self.image_path} in {self.place}"

    def files(self) -> Tuple[pathlib.Path, ...]:
        """See `Sample.files`."""
        return (self.image_path, pathlib.Path(self.place))

    def labels(self) -> Optional[np.ndarray]:
        """See `Sample.labels`."""
        if not self.known:
            return None
        require_size(self.image_path, self.annotated, self.labels_place())
        return label_map(self.regions, *self.annotated, self.background)


@dataclasses.dataclass(frozen=True)
class PanopticSample(FileSample):
    """An image whose mask encodes its segment numbers as colours."""


def find(config: Config) -> Dict[str, pathlib.Path]:
    """Finds the JSON of each existing part; 'train' always exists.

    Raises:
        UsageError: without `data_dir`, or with validation images and `validation`.
        UserError: if there is no JSON for training, or several are equally valid.
    """
    if not config.data_dir:
        raise UsageError(f"--dataset=coco needs --data_dir=DIR; in DIR {LAYOUT}")
    root = expanded(config.data_dir)
    paths = [*root.glob("*.json"), *root.glob("annotations/*.json")]
    paths += root.glob("*/_annotations.coco.json")
    paths = sorted(path for path in paths if not path.name.startswith(_OTHERS))
    if not paths:
        raise UserError(f"{root}: {LAYOUT}")
    by_part: Dict[str, List[pathlib.Path]] = {}
    for path in paths:
        by_part.setdefault(_part(path, root), []).append(path)
    if "train" not in by_part and "" in by_part:
        by_part["train"] = by_part.pop("")
    if "train" not in by_part:
        raise UserError(
            f"{root}: found {short(paths)}, and none for training; {LAYOUT}"
        )
    found = {part: _preferred(by_part[part]) for part in by_part if part}
    if "validation" in found and config.validation is not None:
        raise UsageError(
            f"--validation={config.validation}: {found['validation']} has the "
            "validation images\nleave the flag out, or remove that file"
        )
    return found


def load(config: Config) -> Source:
    """Reads the JSON of all parts; images are not opened yet.

    Raises:
        UsageError: as `find` does, or if `validation` leaves no labels.
        UserError: if a JSON is invalid, parts have different categories, or images are
            not found.
    """
    paths = find(config)
    root = expanded(config.data_dir)
    parts = {part: coco_files.read(path) for part, path in paths.items()}
    first = parts["train"]
    for part, each in parts.items():
        if each.class_names != first.class_names:
            raise UserError(
                f"{paths[part]} has other categories than {paths['train']}: "
                f"{short(each.class_names)}; expected {short(first.class_names)}"
            )
    strict = config.unknown_colour == "error"
    folders = {part: _folder(root, paths[part], parts[part]) for part in parts}
    samples = {
        part: [
            _sample(entry, folders[part], paths[part], each, strict)
            for entry in each.entries
        ]
        for part, each in parts.items()
    }
    notes = []
    boxes = sum(each.boxes for each in parts.values())
    if boxes:
        notes.append(f"{boxes:,} objects have a box and no outline: it is ignored")
    named = {sample.image_path for part in samples.values() for sample in part}
    train = samples["train"] + _unlabelled(
        root, folders["train"], samples["train"], named
    )
    judged: Dict[str, Tuple[FileSample, ...]] = {}
    for part in ("validation", "test"):
        known = [sample for sample in samples.get(part, ()) if sample.known]
        without = len(samples.get(part, ())) - len(known)
        if without:
            notes.append(f"{without:,} {part} images have no annotation: left out")
        if known:
            judged[part] = _sorted(known)
    kept = _sorted(train)
    if "validation" not in judged:
        kept, judged["validation"] = hold_out(kept, config.validation)
    return Source(
        name="coco",
        class_names=first.class_names,
        train=kept,
        validation=judged["validation"],
        test=judged.get("test"),
        notes=tuple(notes),
    )


def _part(path: pathlib.Path, root: pathlib.Path) -> str:
    """Returns the part of a JSON, by the last such word in its name; '' if none."""
    text = path.stem
    if _beside(path) and path.parent != root:  # whose name says nothing about parts
        text = f"{path.parent.name} {path.stem}"
    words = re.findall("[a-z]+", text.lower())
    return next((_PARTS[word] for word in reversed(words) if word in _PARTS), "")


def _beside(path: pathlib.Path) -> bool:
    """Whether a JSON is in a folder named after its part, together with its images."""
    return path.name == "_annotations.coco.json"


def _preferred(paths: Sequence[pathlib.Path]) -> pathlib.Path:
    """Selects a JSON by kind: instances, then unknown kinds, then panoptic."""

    def rank(path: pathlib.Path) -> int:
        return 1 - path.name.startswith("instances") + path.name.startswith("panoptic")

    found = [path for path in paths if rank(path) == min(map(rank, paths))]
    if len(found) > 1:
        raise UserError(
            f"{short(found)} are for the same images; expected one of them\nmove the "
            "others out of the folder"
        )
    return found[0]


def _folder(root: pathlib.Path, path: pathlib.Path, found: Annotations) -> pathlib.Path:
    """Finds the folder of a JSON's images, by the first of them."""
    word = path.stem.rpartition("_")[2]
    places = [root / word, root / "images" / word, root / "images", path.parent, root]
    for place in dict.fromkeys(places):
        if any((place / entry.file_name).is_file() for entry in found.entries[:5]):
            return place
    raise UserError(
        f"{path}: its images, such as {found.entries[0].file_name!a}, are in none of "
        f"{short([f'{place}/' for place in dict.fromkeys(places)])}"
    )


def _sample(
    entry: Entry,
    folder: pathlib.Path,
    path: pathlib.Path,
    found: Annotations,
    strict: bool,
) -> FileSample:
    image = folder / entry.file_name
    if entry.segments_file:
        # The lowest byte of a segment's number is red, the highest is blue.
        classes = {
            (number & 255) << 16 | number & 0xFF00 | number >> 16: label
            for number, label in {0: found.background, **entry.segments}.items()
        }
        palette = Palette(found.class_names, classes, strict, path.name)
        mask = path.with_suffix("") / entry.segments_file
        return PanopticSample(
            entry.file_name, image_path=image, mask_path=mask, palette=palette
        )
    return CocoSample(
        entry.file_name,
        bool(entry.regions),
        image_path=image,
        regions=tuple(entry.regions),
        background=found.background,
        annotated=entry.size,
        place=str(path),
    )


def _unlabelled(
    root: pathlib.Path,
    folder: pathlib.Path,
    train: Sequence[FileSample],
    named: Set[pathlib.Path],
) -> List[FileSample]:
    """Lists images that are in no JSON: beside training images, or unlabel*/."""
    found = []
    used = sorted({folder, *(sample.image_path.parent for sample in train)})
    for place in dict.fromkeys((*used, *sorted(root.glob("unlabel*")))):
        if not place.is_dir():
            continue
        # Names in the JSON may have folders, too.
        name = os.path.relpath(place, folder) if place in used else place.name
        prefix = "" if place == folder else f"{name}/"
        found += [
            FileSample(f"{prefix}{path.name}", known=False, image_path=path)
            for path in sorted(place.iterdir())
            if path.suffix.lower() in image_files.SUFFIXES
            and path not in named
            and not image_files.hidden(path.name)
        ]
    return found


def _sorted(samples: Sequence[FileSample]) -> Tuple[FileSample, ...]:
    return tuple(sorted(samples, key=lambda sample: sample.name))
