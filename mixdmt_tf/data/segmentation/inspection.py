"""Inspects a folder of images and masks before training."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.image_files import printable
from mixdmt_tf.data.segmentation import datasets, label_maps, listing
from mixdmt_tf.data.segmentation.class_files import read_classes
from mixdmt_tf.data.segmentation.colours import Palette, decode, name_of
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.contact_sheet import Tile, contact_sheet
from mixdmt_tf.data.segmentation.datasets import voc
from mixdmt_tf.data.segmentation.files import FileSample
from mixdmt_tf.data.segmentation.inspection_lines import Lines, Seen
from mixdmt_tf.data.segmentation.source import IGNORED, Sample, paint, voc_colours
from mixdmt_tf.data.segmentation.survey import look
from mixdmt_tf.errors import UserError

SHOWN = 12  # images on the contact sheet
_AHEAD = 64  # images given to the threads at a time

Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """Report on a folder.

    Attributes:
        lines: lines of text to print.
        sheet: images next to their masks; None if no image has a mask.
        colours: text of a proposed colours.txt; '' if none is needed.
        usable: whether training would accept the folder as it is.
    """

    lines: Tuple[str, ...]
    sheet: Optional[Image.Image]
    colours: str
    usable: bool


def inspect(
    folder: pathlib.Path, dataset: str = "", progress: Optional[Progress] = None
) -> Report:
    """Reads all images and masks below a folder once. Writes nothing.

    Args:
        folder: value for `--data_dir`.
        dataset: value for `--dataset`; '': determined from the layout of the folder.
        progress: called with (images read, images in all).

    Raises:
        UserError: if the folder has no data set for segmentation, or its classes.txt,
            colours.txt, lists or JSON can't be read.
    """
    dataset = dataset or listing.layout(folder)
    if not dataset:
        raise UserError(
            f"{printable(folder)} has no images with masks; expected images/ and "
            f"masks/, or JPEGImages/ and SegmentationClass/, or COCO's JSON"
        )
    names, palette = None, None
    if dataset in ("mask_folder", "voc"):
        names, palette = read_classes(listing.root_of(folder, dataset), "error")
    lenient = palette and dataclasses.replace(palette, strict=False)
    found = listing.lists(folder, dataset, lenient)
    seen = _survey(found.parts, progress)
    usual = voc.CLASSES if dataset == "voc" else None
    names = found.class_names or names or usual
    lines = Lines(found, seen, names, palette)
    lines.describe(dataset)
    if not lines.problems:
        lines.add_refusal(_refusal(folder, dataset))
    sheet = _sheet(seen, names, lenient, lines)
    return Report(tuple(lines.lines), sheet, lines.proposal, not lines.problems)


def _refusal(folder: pathlib.Path, dataset: str) -> str:
    """Returns why training refuses the folder, for a reason no list above shows."""
    try:
        datasets.load(Config(dataset=dataset, data_dir=str(folder)))
    except UserError as error:
        return str(error)
    return ""


def _survey(
    parts: Dict[str, List[Sample]], progress: Optional[Progress]
) -> Sequence[Seen]:
    samples = [(part, sample) for part in parts for sample in parts[part]]
    seen: List[Seen] = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(samples), _AHEAD):
            chunk = samples[start : start + _AHEAD]
            facts = pool.map(look, [sample for _, sample in chunk])
            seen += [(*each, fact) for each, fact in zip(chunk, facts)]
            if progress:
                progress(len(seen), len(samples))
    return seen


def _sheet(
    seen: Sequence[Seen],
    names: Optional[Tuple[str, ...]],
    palette: Optional[Palette],
    lines: Lines,
) -> Optional[Image.Image]:
    """Draws evenly spaced images next to their labels, if these can be used."""
    usable = [
        (part, sample)
        for part, sample, facts in seen
        if sample.known and facts.kind and not facts.problem
    ]
    if not usable:
        return None
    places = np.linspace(0, len(usable) - 1, min(SHOWN, len(usable))).round()
    chosen = [usable[int(place)] for place in places]
    if palette is None and lines.codes:  # colours without names
        legend = [(name_of(code), decode(np.array(code))) for code in lines.candidates]
        return contact_sheet([_tile(*each, None) for each in chosen], legend)
    highest = max((each for each in lines.numbers if each != IGNORED), default=0)
    names = names or tuple(f"class {number}" for number in range(highest + 1))
    colours = palette.colours if palette else _own_colours(chosen[0][1], len(names))
    tiles = [_tile(*each, colours) for each in chosen]
    return contact_sheet(tiles, [*zip(names, colours), ("ignored", np.full(3, 255))])


def _own_colours(sample: Sample, count: int) -> np.ndarray:
    """Returns the colours of a mask's palette, or VOC's: uint8 [count, 3]."""
    own = None
    if isinstance(sample, FileSample) and sample.mask_path:
        own = label_maps.read_palette(sample.mask_path, count)
    return voc_colours(count) if own is None else own


def _tile(part: str, sample: Sample, colours: Optional[np.ndarray]) -> Tile:
    """Returns an image and its coloured labels; without `colours`, the mask's own."""
    if colours is not None:
        painted = paint(np.asarray(sample.labels()), colours)
    elif isinstance(sample, FileSample) and sample.mask_path:
        painted = decode(label_maps.read_codes(sample.mask_path))
    return f"{part}: {sample.name}", seen(sample.image()), painted
