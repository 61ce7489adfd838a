"""Reads request bodies up to a limit and extracts the image files."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import Any, Dict, List

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from mixdmt_tf.serving.limits import Limits, Refused

JSON, FORM = "application/json", "multipart/form-data"
IMAGE_TYPES = ("image/jpeg", "image/png", "image/bmp", "image/x-ms-bmp")
DRAINED = 8  # up to this many times the limit is read and discarded; see `_limited`


async def files_of(request: Request, limits: Limits) -> List[bytes]:
    """Returns the contents of the image files in a request.

    Args:
        request: a request whose body is an image, a `multipart/form-data` form with
            files, or JSON: {"images": [base64, ...]}.
        limits: limits of a request.

    Raises:
        Refused: if the body is not one of these or exceeds a limit.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, FORM, *IMAGE_TYPES):
        raise Refused(
            415,
            f"Content-Type {kind[:80] or '(none)'!r} is not served; expected "
            f"{', '.join(IMAGE_TYPES[:3])}, {FORM} or {JSON}.",
        )
    limited = Request(request.scope, _limited(request, limits.body_bytes))
    try:
        files = await asyncio.wait_for(_files(limited, kind, limits), limits.seconds)
    except asyncio.TimeoutError:
        raise Refused(
            408, f"the body took longer than {limits.seconds:g} seconds."
        ) from None
    if not 1 <= len(files) <= limits.images:
        raise Refused(
            422, f"{len(files)} images; expected 1 to {limits.images} in one request."
        )
    return files


async def _files(request: Request, kind: str, limits: Limits) -> List[bytes]:
    if kind == FORM:
        return await _of_form(request, limits)
    body = await request.body()
    return _of_json(body) if kind == JSON else [body]


async def _of_form(request: Request, limits: Limits) -> List[bytes]:
    try:
        form = request.form(max_files=limits.images, max_fields=limits.images)
        async with form as fields:
            found = [each for _, each in fields.multi_items()]
            return [await each.read() for each in found if isinstance(each, UploadFile)]
    except HTTPException as error:
        raise Refused(422, f"the form can't be read: {error.detail}") from None


def _of_json(body: bytes) -> List[bytes]:
    expected = 'expected {"images": ["...", ...]} with files in base64.'
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(422, f"the body is not JSON; {expected}") from None
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(
        isinstance(each, str) for each in images
    ):
        raise Refused(422, expected)
    try:
        return [base64.b64decode(each, validate=True) for each in images]
    except (binascii.Error, ValueError):
        raise Refused(422, f"an image is not valid base64; {expected}") from None


def _limited(request: Request, most: int) -> Any:
    """Wraps the request's `receive` so that it raises if the body is too large.

    Up to `DRAINED` times the limit is read and discarded first, because some clients
    read the response only after they have sent the whole body.
    """
    seen = 0

    async def receive() -> Dict[str, Any]:
        nonlocal seen
        message = dict(await request.receive())
        seen += len(message.get("body", b""))
        while seen > most:
            if seen > DRAINED * most or not message.get("more_body", False):
                raise Refused(413, f"the body is larger than {most:,} bytes.")
            message = dict(await request.receive())
            seen += len(message.get("body", b""))
        return message

    return receive
