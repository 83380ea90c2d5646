"""The application: ``/v1/extract``, health, metrics and the OpenAPI page."""

from __future__ import annotations

import asyncio
import math
import queue
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from zhengling.extraction.extractor import Extractor
from zhengling.serving.batching import Batcher
from zhengling.serving.guard import EXTRACT, Guard, Intake
from zhengling.serving.schema import ExtractRequest, ExtractResponse, Problem, fault, refusal
from zhengling.serving.settings import ServeSettings
from zhengling.version import VERSION

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        413: "The body is too long",
        422: "The request does not hold what is expected",
        429: "Too many requests wait; Retry-After says for how many seconds to wait",
        503: "The service is stopping",
        504: "Not done in time; what was not started has been dropped",
    }.items()
}


def create_app(extractor: Extractor, settings: ServeSettings, intake: Intake) -> FastAPI:
    """The application over one model; it refuses requests once ``intake`` is closed."""
    batcher = Batcher(extractor, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await asyncio.to_thread(batcher.stop)

    app = FastAPI(
        title="zhengling",
        version=VERSION,
        summary="Who is told to do what, by when, with which target; and what each paragraph is about",
        lifespan=lifespan,
    )
    app.add_middleware(Guard, settings=settings, intake=intake, metrics=batcher.metrics)
    app.add_exception_handler(RequestValidationError, _faulty)
    app.add_exception_handler(HTTPException, _refused)
    _add_extraction(app, batcher)
    _add_watching(app, batcher, intake, extractor.name)
    return app


def _add_extraction(app: FastAPI, batcher: Batcher) -> None:
    @app.post(EXTRACT, response_model=ExtractResponse, responses=REFUSALS)
    async def extract(request: ExtractRequest) -> Response:
        """One record per text, in the order of the request; a text that cannot be processed is a record with ``error``."""
        texts = request.posted()
        if not texts:
            return JSONResponse({"records": []})
        try:
            records = await asyncio.wrap_future(batcher.submit(texts))
        except queue.Full:
            seconds = max(1, math.ceil(batcher.batch_seconds))
            return refusal(429, "too many requests wait for the model", headers={"Retry-After": str(seconds)})
        return JSONResponse({"records": [record.as_dict() for record in records]})


def _add_watching(app: FastAPI, batcher: Batcher, intake: Intake, model: str) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": VERSION, "model": model}

    @app.get("/readyz", responses={503: {"model": Problem, "description": "The service is stopping or cannot work"}})
    async def readyz() -> Response:
        """Requests are accepted."""
        if intake.closed or not batcher.alive:
            return refusal(503, "the service is stopping" if intake.closed else "the thread of the model has ended")
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(batcher.metrics.page(), media_type=CONTENT_TYPE_LATEST)


async def _faulty(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return refusal(422, "the request does not hold what is expected", [fault(found) for found in error.errors()])


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal(error.status_code, str(error.detail), headers=error.headers)
