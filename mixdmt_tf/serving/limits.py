"""Limits of requests, and the error for requests that are refused."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Iterator, Optional

from mixdmt_tf import bounds


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the requests to a server.

    Attributes:
        body_bytes: largest size of a request body.
        images: most images in one request.
        pixels: most pixels of one image; None: `bounds.SERVED_PIXELS` of the task.
        queue: most requests that wait or are being answered at the same time.
        seconds: time within which a request body has to arrive.
    """

    body_bytes: int = bounds.REQUEST_BYTES
    images: int = bounds.REQUEST_IMAGES
    pixels: Optional[int] = None
    queue: int = 16
    seconds: float = 30.0


class Refused(Exception):
    """Raised to refuse a request, with the reason.

    Attributes:
        status: HTTP status code.
        sentence: the reason, for the client.
    """

    def __init__(self, status: int, sentence: str):
        """Stores status and sentence."""
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Queue:
    """Counts the requests that were accepted and are not yet answered.

    A request takes a place before its body is read, which also limits the number of
    bodies in memory.
    """

    def __init__(self, places: int):
        """Stores the number of places."""
        self.places, self.taken = places, 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Context manager that holds a place; call it from the event loop only.

        Raises:
            Refused: if no place is free.
        """
        if self.taken >= self.places:
            raise Refused(
                429,
                f"{self.taken} requests are waiting already and the queue is full; try "
                "again in a second.",
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
