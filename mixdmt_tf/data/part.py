"""Parts of some work for separate processes, as in `--shard=3/16`."""

from __future__ import annotations

import dataclasses
import re
from typing import Iterable, List, Optional, Sequence

from mixdmt_tf.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Part:
    """Part `number` of `of` equal parts.

    Attributes:
        number: number of the part, from 1.
        of: number of parts, 1 or more.
    """

    number: int
    of: int

    def __str__(self) -> str:
        """Formats the part as in the flag: 3/16."""
        return f"{self.number}/{self.of}"

    def range(self, count: int) -> range:
        """Returns the range of the items 0 to count - 1 that are in this part.

        Each item is in exactly one part. The sizes of the parts differ by at most one,
        and some parts are empty if there are fewer items than parts.
        """
        first = count * (self.number - 1) // self.of
        return range(first, count * self.number // self.of)

    def all(self) -> List[Part]:
        """Returns all parts, including this one."""
        return [Part(number, self.of) for number in range(1, self.of + 1)]

    def lacking(self, count: int, missing: Iterable[int]) -> List[Part]:
        """Returns the parts that contain missing items.

        Args:
            count: number of all items.
            missing: the missing items.
        """
        lacks = set(missing)
        return [each for each in self.all() if not lacks.isdisjoint(each.range(count))]


WHOLE = Part(1, 1)


def parse(text: str) -> Optional[Part]:
    """Parses the flag: '3/16', or '' for no part.

    Raises:
        UsageError: if the text has another form.
    """
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of:
        raise UsageError(
            f"--shard={text}: expected the number of a part and the number of parts, "
            "--shard=1/16 to --shard=16/16"
        )
    return Part(number, of)


def listed(parts: Sequence[Part], most: int = 8) -> str:
    """Formats parts for messages: '2/16, 5/16 and 3 more'."""
    names = ", ".join(map(str, parts[:most]))
    more = len(parts) - most
    return f"{names} and {more} more" if more > 0 else names
