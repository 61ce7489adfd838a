"""Reads and checks annotations in COCO's format: https://cocodataset.org.

Supports the JSON of COCO instances, which most labelling programs write, with outlines
as polygons or run lengths; and that of panoptic segmentation, with a PNG for each image
whose colours encode segment numbers. Files are not trusted: any value of a wrong type
or size raises a `UserError` with its place.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Dict, List, Mapping, Tuple

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.data.image_files import MAX_PIXELS, printable
from mixdmt_tf.data.segmentation.json_files import Document
from mixdmt_tf.data.segmentation.regions import Region, read_runs
from mixdmt_tf.data.segmentation.source import IGNORED

MAX_NUMBERS = bounds.OUTLINE_NUMBERS
_SIDES = ("height", "width")


@dataclasses.dataclass
class Entry:
    """One image.

    Attributes:
        file_name: file of the image, relative to the folder of the images.
        size: (H, W).
        regions: regions of its objects, in the order of the file.
        segments: for panoptic annotations, class or 255 of each segment number.
        segments_file: PNG with the segment numbers, relative to the folder of such
            files.
    """

    file_name: str
    size: Tuple[int, int]
    regions: List[Region] = dataclasses.field(default_factory=list)
    segments: Dict[int, int] = dataclasses.field(default_factory=dict)
    segments_file: str = ""


@dataclasses.dataclass(frozen=True)
class Annotations:
    """Content of a file of annotations.

    Attributes:
        class_names: names of the classes 0, 1, ...
        background: class, or 255, of pixels without annotation.
        entries: the images, in the order of the file.
        boxes: number of objects with only a box; they are ignored.
    """

    class_names: Tuple[str, ...]
    background: int
    entries: Tuple[Entry, ...]
    boxes: int = 0


def read(path: pathlib.Path) -> Annotations:
    """Reads a file of annotations.

    Categories become classes in the order of their ids. Pixels without an object get
    class 0, 'background', which is added unless a category has this name. In panoptic
    annotations they have no class. Crowds, and boxes of objects without an outline, are
    ignored.

    Raises:
        UserError: if it can't be read, is too large, or is not in COCO's format.
    """
    return _Reader(path).annotations()


class _Reader(Document):
    """Reads annotations from a document."""

    boxes = 0

    def annotations(self) -> Annotations:
        objects = self.objects("annotations")
        panoptic = any("segments_info" in each for each in objects)
        names, background, classes = self._categories(panoptic)
        entries = self._images()
        for number, each in enumerate(objects):
            where = f"annotations[{number}]"
            entry = entries.get(self.field(each, "image_id", where, (int, str)))
            if entry is None:
                self.refuse(where, f"no image has the id {each['image_id']!a:.40}")
            if panoptic:
                self._add_segments(entry, each, classes, where)
            else:
                entry.regions.append(self._region(each, entry.size, classes, where))
        found = tuple(entries.values())
        return Annotations(names, background, found, self.boxes)

    def _categories(
        self, panoptic: bool
    ) -> Tuple[Tuple[str, ...], int, Dict[int, int]]:
        """Reads names of the classes, class of the background, and classes by id."""
        by_id: Dict[int, str] = {}
        for number, each in enumerate(self.objects("categories")):
            where = f"categories[{number}]"
            key = self.field(each, "id", where, (int,))
            name = self.field(each, "name", where, (str,))
            if key in by_id:
                self.refuse(where, f"the id {key} twice")
            if not name.strip():
                self.refuse(where, f"the id {key} has no name")
            by_id[key] = printable(name)
        # Exports may have several categories of one name: they are one class.
        names = [*dict.fromkeys(by_id[key] for key in sorted(by_id))]
        places = {name: place for place, name in enumerate(names)}
        own = [number for number, name in enumerate(names) if _is_background(name)]
        first, background = 0, IGNORED
        if own:
            background = own[0]
        elif not panoptic:
            names, first, background = ["background", *names], 1, 0
        if not 2 <= len(names) <= IGNORED:
            self.refuse("categories", f"{len(names)} classes; expected 2 to {IGNORED}")
        classes = {key: first + places[name] for key, name in by_id.items()}
        return tuple(names), background, classes

    def _images(self) -> Dict[Any, Entry]:
        """Reads the images, by id."""
        entries: Dict[Any, Entry] = {}
        files = set()
        for number, each in enumerate(self.objects("images")):
            where = f"images[{number}]"
            key = self.field(each, "id", where, (int, str))
            name = self.file_name(each, where)
            sides = [self.field(each, side, where, (int,)) for side in _SIDES]
            if min(sides) < 1 or sides[0] * sides[1] > MAX_PIXELS:
                self.refuse(where, f"{sides[1]} x {sides[0]} pixels")
            if key in entries or name in files:
                self.refuse(where, f"the id {key!a:.40} or {name!a:.80} twice")
            files.add(name)
            entries[key] = Entry(name, (sides[0], sides[1]))
        if not entries:
            self.refuse("images", "there is none")
        return entries

    def _region(
        self,
        each: Mapping[str, Any],
        size: Tuple[int, int],
        classes: Mapping[int, int],
        where: str,
    ) -> Region:
        label = self._label(each, classes, where)
        outline = each.get("segmentation")
        if isinstance(outline, dict):
            return Region(label, runs=self._runs(outline, size, where))
        if outline:
            return Region(label, self._polygons(outline, where))
        if "bbox" not in each:
            self.refuse(where, "has neither segmentation nor bbox")
        x, y, width, height = self.numbers(each["bbox"], f"{where}.bbox", 4)
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self.boxes += 1
        return Region(IGNORED, (np.array(corners, np.float32),))

    def _label(
        self, each: Mapping[str, Any], classes: Mapping[int, int], where: str
    ) -> int:
        """Returns the class of an object or segment; 255 for a crowd."""
        key = self.field(each, "category_id", where, (int,))
        if key not in classes:
            self.refuse(where, f"no category has the id {key}")
        return IGNORED if each.get("iscrowd", 0) else classes[key]

    def _polygons(self, outline: Any, where: str) -> Tuple[np.ndarray, ...]:
        where = f"{where}.segmentation"
        if not isinstance(outline, list) or len(outline) > MAX_NUMBERS:
            self.refuse(where, "expected a list of polygons, or run lengths")
        found = []
        for place, each in enumerate(outline):
            numbers = self.numbers(each, f"{where}[{place}]")
            if len(numbers) % 2 or not numbers:
                self.refuse(f"{where}[{place}]", "expected x, y, x, y, ...")
            found.append(np.array(numbers, np.float32).reshape(-1, 2))
        if sum(map(len, found)) > MAX_NUMBERS // 2:
            self.refuse(where, f"more than {MAX_NUMBERS // 2:,} corners")
        return tuple(found)

    def _runs(
        self, outline: Mapping[str, Any], size: Tuple[int, int], where: str
    ) -> np.ndarray:
        where = f"{where}.segmentation"
        if outline.get("size") != list(size):
            self.refuse(where, f"size: expected {list(size)}, as the image has")
        counts = outline.get("counts")
        try:
            if isinstance(counts, str):
                runs = read_runs(counts)
            elif isinstance(counts, list) and all(type(n) is int for n in counts):
                runs = np.array(counts, np.int64)
            else:
                raise ValueError("expected a text or a list of integers")
            total = size[0] * size[1]
            # The first comparison prevents overflow of the sum.
            if (runs < 0).any() or (runs > total).any() or runs.sum() != total:
                raise ValueError(f"expected numbers of {total:,} pixels in all")
        except (ValueError, OverflowError) as error:
            self.refuse(f"{where}.counts", str(error))
        return runs

    def _add_segments(
        self,
        entry: Entry,
        each: Mapping[str, Any],
        classes: Mapping[int, int],
        where: str,
    ) -> None:
        if entry.segments_file:
            self.refuse(where, f"a second one for {entry.file_name!a:.80}")
        entry.segments_file = self.file_name(each, where)
        for place, segment in enumerate(self.objects("segments_info", each, where)):
            inner = f"{where}.segments_info[{place}]"
            number = self.field(segment, "id", inner, (int,))
            if not 0 < number < 2**24 or number in entry.segments:
                self.refuse(inner, f"the id {number} twice, or out of range")
            entry.segments[number] = self._label(segment, classes, inner)


def _is_background(name: str) -> bool:
    return name.strip().lower() == "background"
