"""What a server takes, and what it says of the rest."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Iterator, Optional

from mixdmt_tf import bounds


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much a request may ask for.

    Attributes:
        body_bytes: of a request's body.
        images: in one request.
        pixels: of one image; None: `bounds.SERVED_PIXELS` of the task.
        queue: requests that wait or are being answered at the same time.
        seconds: in which a request's body has to arrive.
    """

    body_bytes: int = bounds.REQUEST_BYTES
    images: int = bounds.REQUEST_IMAGES
    pixels: Optional[int] = None
    queue: int = 16
    seconds: float = 30.0


class Refused(Exception):
    """A request that is not answered, and why.

    Attributes:
        status: of HTTP.
        sentence: for whoever asked.
    """

    def __init__(self, status: int, sentence: str):
        """Remembers both."""
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Queue:
    """Counts the requests that were taken in and not yet answered.

    A place is taken before the body is read, so that bodies in memory are bounded too.
    """

    def __init__(self, places: int):
        """Remembers how many there may be."""
        self.places, self.taken = places, 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Takes a place while it is open; called from the event loop only.

        Raises:
            Refused: if there is none.
        """
        if self.taken >= self.places:
            raise Refused(
                429,
                f"{self.taken} requests are waiting already, as many as may; try again "
                "in a second.",
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
