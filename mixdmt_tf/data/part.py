"""One of several equal parts of some work, a process for each: `--shard=3/16`."""

from __future__ import annotations

import dataclasses
import re
from typing import Iterable, List, Optional, Sequence

from mixdmt_tf.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Part:
    """The part `number` of `of`.

    Attributes:
        number: from 1.
        of: how many there are; 1 or more.
    """

    number: int
    of: int

    def __str__(self) -> str:
        """As in the flag: 3/16."""
        return f"{self.number}/{self.of}"

    def range(self, count: int) -> range:
        """Which of the things 0 to count - 1 are in this part: neighbours.

        The parts of all numbers together have each thing once. Their sizes differ by
        one at most, and some are empty if there are fewer things than parts.
        """
        first = count * (self.number - 1) // self.of
        return range(first, count * self.number // self.of)

    def all(self) -> List[Part]:
        """All parts that the whole has, this one among them."""
        return [Part(number, self.of) for number in range(1, self.of + 1)]

    def lacking(self, count: int, missing: Iterable[int]) -> List[Part]:
        """The parts that have any of the things that are missing.

        Args:
            count: of all things.
            missing: some of them.
        """
        lacks = set(missing)
        return [each for each in self.all() if not lacks.isdisjoint(each.range(count))]


WHOLE = Part(1, 1)


def parse(text: str) -> Optional[Part]:
    """Reads the flag: '3/16', or '' for the whole.

    Raises:
        UsageError: if it is anything else.
    """
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of:
        raise UsageError(
            f"--shard={text}: expected the number of a part and how many there are, "
            "--shard=1/16 to --shard=16/16"
        )
    return Part(number, of)


def listed(parts: Sequence[Part], most: int = 8) -> str:
    """Parts in words: '2/16, 5/16 and 3 more'."""
    names = ", ".join(map(str, parts[:most]))
    more = len(parts) - most
    return f"{names} and {more} more" if more > 0 else names
