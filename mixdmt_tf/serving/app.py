"""The endpoints of `bin/serve`.

    GET  /          a page to drop an image on
    POST /predict   predictions for one or more images in JSON; see `bodies.py`
    GET  /model     task, classes and limits
    GET  /health    {"status": "ok"}
    GET  /metrics   for Prometheus

The response to a refused request is {"error": a sentence}.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib.resources
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Sequence

import prometheus_client as prometheus
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

import mixdmt_tf
from mixdmt_tf.serving.bodies import files_of
from mixdmt_tf.serving.limits import Limits, Queue, Refused
from mixdmt_tf.serving.served_model import ServedModel


def make_app(
    model: ServedModel,
    limits: Limits,
    threads: int = 1,
    hosts: Sequence[str] = ("*",),
) -> FastAPI:
    """Makes the application.

    Args:
        model: the model to serve.
        limits: limits of requests.
        threads: number of threads that decode images and run the model.
        hosts: allowed values of the Host header. If any host is allowed, a foreign web
            page that is open in a browser on this machine can call the server under a
            host name of its own (DNS rebinding).
    """
    # The interactive documentation loads its parts from the network.
    app = FastAPI(
        title="mixdmt_tf", version=mixdmt_tf.__version__, docs_url=None, redoc_url=None
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    queue, metrics = Queue(limits.queue), Metrics()
    metrics.waiting.set_function(lambda: queue.taken)
    pool = ThreadPoolExecutor(threads, "predict")
    page, policy = _page()
    facts = {
        "task": model.task,
        "class_names": model.class_names,
        "image_shape": model.image_shape,
        "max_bytes": limits.body_bytes,
        "max_pixels": model.pixels,
        "max_images": limits.images,
    }

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy, **SAFE})

    @app.get("/model")
    async def described() -> Dict[str, Any]:
        return facts

    @app.get("/health")
    async def health() -> Dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def measured() -> Response:
        text = prometheus.generate_latest(metrics.registry)
        return Response(text, media_type=prometheus.CONTENT_TYPE_LATEST)

    @app.post("/predict", openapi_extra=BODY)
    async def predict(request: Request) -> Response:
        begun, status = time.perf_counter(), 500
        try:
            with queue.place():
                files = await files_of(request, limits)
                loop = asyncio.get_running_loop()
                with metrics.predicting.time():
                    found = await loop.run_in_executor(pool, model.predict, files)
            metrics.count(found)
            answer = _answer(request, model, found)
            status = answer.status_code
            return answer
        except Refused as refused:
            status = refused.status
            raise
        except ClientDisconnect:
            status = 499  # as nginx has it
            return Response(status_code=status)
        finally:
            metrics.requests.labels(str(status)).inc()
            metrics.seconds.observe(time.perf_counter() - begun)

    @app.exception_handler(Refused)
    async def refuse(_: Request, refused: Refused) -> JSONResponse:
        more = {"Retry-After": "1"} if refused.status == 429 else {}
        return _error(refused.status, refused.sentence, more)

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, str(error.detail), error.headers or {})

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        del error  # uvicorn writes it into the log
        return _error(500, "something went wrong here; the server's log has more.", {})

    return app


SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_ANY = {"schema": {"type": "string", "format": "binary"}}
_IMAGES = {"type": "array", "items": {"type": "string", "format": "byte"}}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/jpeg": _ANY,
            "image/png": _ANY,
            "image/bmp": _ANY,
            "application/json": {
                "schema": {"type": "object", "properties": {"images": _IMAGES}}
            },
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": _ANY["schema"]}}
            },
        },
    }
}


class Metrics:
    """The metrics for Prometheus, in a registry of their own."""

    def __init__(self) -> None:
        """Starts all metrics at 0."""
        self.registry = prometheus.CollectorRegistry()
        self.requests = prometheus.Counter(
            "mixdmt_requests",
            "requests to /predict",
            ["status"],
            registry=self.registry,
        )
        self.seconds = prometheus.Histogram(
            "mixdmt_request_seconds", "from headers to answer", registry=self.registry
        )
        self.predicting = prometheus.Histogram(
            "mixdmt_prediction_seconds",
            "waiting for a thread, decoding, and the network",
            registry=self.registry,
        )
        self.waiting = prometheus.Gauge(
            "mixdmt_requests_waiting", "requests in the queue", registry=self.registry
        )
        self.images = prometheus.Counter(
            "mixdmt_images",
            "images by the likeliest class, of segmentation that of most pixels",
            ["class_name"],
            registry=self.registry,
        )

    def count(self, found: Sequence[Dict[str, Any]]) -> None:
        """Counts predicted images by class."""
        for each in found:
            most = max(each.get("classes", [each]), key=lambda row: row.get("share", 1))
            self.images.labels(most["class_name"]).inc()


def _answer(request: Request, model: ServedModel, found: Any) -> Response:
    """Makes the response: JSON, or the label map itself if a PNG is accepted.

    A PNG is returned only for the segmentation of a single image.
    """
    wanted = request.headers.get("accept", "").partition(",")[0].strip()
    if wanted == "image/png" and model.task == "segmentation" and len(found) == 1:
        content = base64.b64decode(found[0]["label_map"])
        return Response(content, media_type="image/png")
    return JSONResponse({"predictions": found})


def _error(status: int, sentence: str, headers: Any) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, {**headers, **SAFE})


def _page() -> tuple[str, str]:
    """Returns the page and a policy (CSP) that allows only its own script and style."""
    page = importlib.resources.files(__package__).joinpath("page.html")
    text = page.read_text(encoding="utf-8")

    def digest(tag: str) -> str:
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        found = hashlib.sha256(content.encode()).digest()
        return f"'sha256-{base64.b64encode(found).decode()}'"

    return text, (
        f"default-src 'none'; script-src {digest('script')}; style-src "
        f"{digest('style')}; img-src blob: data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
