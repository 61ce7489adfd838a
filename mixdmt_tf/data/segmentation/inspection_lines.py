"""Formats the results of inspecting a folder of images and masks as text."""

from __future__ import annotations

import collections
from typing import Counter, Dict, List, Optional, Sequence, Tuple

from mixdmt_tf.data.image_files import printable
from mixdmt_tf.data.segmentation import listing, proposal
from mixdmt_tf.data.segmentation.colours import Palette
from mixdmt_tf.data.segmentation.source import IGNORED, Sample, short
from mixdmt_tf.data.segmentation.survey import Facts

LISTED = 10  # entries listed for each kind of problem
_FEW, _SPREAD = 32, 2  # numbers with gaps between them are greys, not classes

Seen = Tuple[str, Sample, Facts]  # part, image, facts


class Lines:
    """Lines of the report, group by group.

    Attributes:
        lines: the lines so far.
        problems: number of problems that prevent training, or should.
        proposal: text of a proposed colours.txt; '' if none is needed.
        candidates: colours that it proposes as classes.
    """

    def __init__(
        self,
        found: listing.Listing,
        seen: Sequence[Seen],
        names: Optional[Tuple[str, ...]],
        palette: Optional[Palette],
    ) -> None:
        """Sums up the facts of all images.

        Args:
            found: listing of the folder.
            seen: part and facts of each image.
            names: names of the classes, if known.
            palette: classes of the colours in masks, if known.
        """
        self.found, self.seen = found, seen
        self.names, self.palette = names, palette
        self.lines: List[str] = []
        self.problems = 0
        self.proposal = ""
        self.candidates: List[int] = []
        facts = [each for _, _, each in seen]
        self.numbers, self.showing = _totals([each.numbers for each in facts])
        self.codes, self.painted = _totals([each.colours for each in facts])

    def describe(self, dataset: str) -> None:
        """Writes all lines."""
        self.lines.append(f"{printable(self.found.root)}: --dataset={dataset}")
        self._counts()
        self._sizes()
        self._classes()
        self._colours()
        self._odd()
        self._duplicates()

    def add_refusal(self, reason: str) -> None:
        """Adds why training refuses the folder; '': it does not."""
        if reason:
            self._problem(f"training refuses the folder: {reason}")

    def _counts(self) -> None:
        for part in self.found.parts:
            known = [sample.known for each, sample, _ in self.seen if each == part]
            text = f"{part}: {len(known):,} images, {sum(known):,} of them with labels"
            self.lines.append(text)
            if not known:
                self._problem(f"{part} has no images")
        if not any(s.known for part, s, _ in self.seen if part == "train"):
            self._problem("no training image has labels")

    def _sizes(self) -> None:
        sizes = collections.Counter(f.size for _, _, f in self.seen if f.size)
        words = [
            f"{width} x {height} ({count:,})"
            for (height, width), count in sizes.most_common(LISTED)
        ]
        more = f", {len(sizes) - LISTED:,} other sizes" if len(sizes) > LISTED else ""
        self.lines.append(f"width x height: {', '.join(words) or 'none'}{more}")
        kinds = collections.Counter(f.kind for _, _, f in self.seen if f.kind)
        kinds.pop("made", None)
        if kinds:
            words = [f"{count:,} {kind}" for kind, count in kinds.most_common()]
            self.lines.append(f"masks: {', '.join(words)}")

    def _classes(self) -> None:
        """Writes the share of each class; `_colours` handles colours without names."""
        pixels, images = self.numbers, self.showing
        if self.palette:
            classes = self.palette.classes
            pixels = collections.Counter[int]()
            for code, count in self.codes.items():
                pixels[classes.get(code, IGNORED)] += count
            images = collections.Counter(
                number
                for _, _, facts in self.seen
                for number in {classes.get(code, IGNORED) for code in facts.colours}
            )
        if not pixels:
            return
        total = sum(pixels.values())
        self._require_classes()
        highest = max((each for each in pixels if each != IGNORED), default=-1)
        names = self.names or tuple(f"class {each}" for each in range(highest + 1))
        width = max(map(len, [*names, "ignored"]))
        self.lines.append("classes, by their share of all pixels that have labels:")
        for number, name in [*enumerate(names), (IGNORED, "ignored")]:
            self.lines.append(
                f"  {number:3} {printable(name):<{width}} "
                f"{100 * pixels[number] / total:6.2f} %, in {images[number]:,} images"
            )
        strange = [each for each in sorted(pixels) if len(names) <= each != IGNORED]
        if strange:
            self._problem(
                f"masks have numbers that no class has: {short(strange, LISTED)}"
            )

    def _require_classes(self) -> None:
        """Names parts without a pixel that has a class; `_odd` those without labels."""
        classes = self.palette.classes if self.palette else {}
        for part in self.found.parts:
            known = [f for each, _, f in self.seen if each == part]
            found = {number for facts in known for number in facts.numbers}
            found |= {
                classes.get(code, IGNORED) for facts in known for code in facts.colours
            }
            if found == {IGNORED}:
                self._problem(
                    f"all pixels of the masks of {part} are {IGNORED}, which is ignored"
                )

    def _colours(self) -> None:
        solid = frozenset[int]().union(*(f.solid for _, _, f in self.seen))
        if self.palette:
            classes = self.palette.classes
            lacking = collections.Counter(
                {code: n for code, n in self.codes.items() if code not in classes}
            )
            if lacking:
                share = 100 * sum(lacking.values()) / sum(self.codes.values())
                codes = [code for code, _ in lacking.most_common()]
                self._problem(
                    f"{len(codes):,} colours that colours.txt lacks, {share:.2f} % of "
                    f"pixels (--unknown_colour=ignore leaves them out): "
                    f"{proposal.colour_names(codes)}"
                )
            return
        pixels, images = self.codes, self.painted
        if not pixels and self._are_greys():
            greys = {number * 0x010101: number for number in self.numbers}
            pixels = collections.Counter({c: self.numbers[n] for c, n in greys.items()})
            images = collections.Counter({c: self.showing[n] for c, n in greys.items()})
            solid = frozenset(greys)
        if pixels:
            names = proposal.cvat_names(self.found.root)
            self.proposal = proposal.propose(pixels, images, solid, names)
            self.candidates = proposal.candidates(pixels, solid, names)
            self._problem(
                f"masks have {len(pixels):,} colours and there is no colours.txt in "
                f"{printable(self.found.root)} that says what they mean; "
                f"{len(self.candidates):,} fill areas: "
                f"{proposal.colour_names(self.candidates)}"
            )

    def _are_greys(self) -> bool:
        """Whether numbers look like grey levels: 0 and 255, or 0, 85 and 170."""
        kinds = {f.kind for _, _, f in self.seen if f.kind}
        found = set(self.numbers)
        if self.names or not kinds <= {"grey"} or len(found) < 2:
            return False
        highest = max(found - {IGNORED})
        return found == {0, IGNORED} or (
            len(found) <= _FEW and highest >= _SPREAD * len(found)
        )

    def _odd(self) -> None:
        bad = [facts.problem for _, _, facts in self.seen if facts.problem]
        self._list("files that can't be used", bad, True)
        alone = [printable(path) for path in self.found.masks_alone]
        self._list("masks without an image", alone, True)
        for part in self.found.parts:
            names = [s.name for each, s, _ in self.seen if each == part and not s.known]
            judged = part != "train"
            title = f"{part} images without labels" + " (unlabelled)" * (not judged)
            self._list(title, [*map(printable, names)], judged)
        turned = [printable(s.name) for _, s, facts in self.seen if facts.turned]
        self._list("images that their EXIF turns; masks must be turned too", turned)
        self._list("besides", self.found.remarks)

    def _duplicates(self) -> None:
        """Lists images with equal pixels; a problem if they are in several parts."""
        groups: Dict[str, List[Tuple[str, Sample]]] = {}
        for part, sample, facts in self.seen:
            if facts.digest:
                groups.setdefault(facts.digest, []).append((part, sample))
        kinds: Dict[str, List[str]] = {"parts": [], "labels": [], "same": []}
        for group in groups.values():
            if len(group) > 1:
                words = [f"{part}/{printable(sample.name)}" for part, sample in group]
                kind = "labels" if len({s.known for _, s in group}) > 1 else "same"
                kind = "parts" if len({part for part, _ in group}) > 1 else kind
                kinds[kind].append(" = ".join(words))
        self._list("the same image in several parts", kinds["parts"], True)
        self._list("the same image with labels and without", kinds["labels"])
        self._list("the same image twice in a part", kinds["same"])

    def _problem(self, line: str) -> None:
        self.problems += 1
        self.lines.append(f"warning: {line}")

    def _list(self, title: str, lines: Sequence[str], is_problem: bool = False) -> None:
        if not lines:
            return
        self.problems += is_problem
        mark = "warning: " if is_problem else ""
        self.lines.append(f"{mark}{title}: {len(lines):,}")
        self.lines += [f"  {line}" for line in lines[:LISTED]]
        if len(lines) > LISTED:
            self.lines.append(f"  and {len(lines) - LISTED:,} more")


def _totals(each: Sequence[Counter[int]]) -> Tuple[Counter[int], Counter[int]]:
    """Counts the pixels with each value, and the images in which it occurs."""
    pixels: Counter[int] = collections.Counter()
    images: Counter[int] = collections.Counter()
    for counts in each:
        pixels.update(counts)
        images.update(counts.keys())
    return pixels, images
