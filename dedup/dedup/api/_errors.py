"""One shape for every error: `{"error": {"code": …, "message": …}}`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dedup._errors import DedupError, NotFound, StoreUnavailable
from dedup_ingest import ArticleError

log = logging.getLogger("dedup.api")

MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """`code` is for programs, `message` for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ErrorDocument:
    """The body of every answer with a status from 400."""

    error: ErrorBody


_CODES = {
    400: ("bad_request", "The body is not JSON that can be read."),
    404: ("not_found", "There is nothing with this id."),
    413: ("body_too_large", "The body is larger than serve.max_body_bytes."),
    422: ("invalid_request", "A field is missing, unknown or out of bounds; the message names it."),
    503: ("unavailable", "The database or the model cannot answer at the moment."),
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for these error statuses."""
    return {status: {"model": ErrorDocument, "description": _CODES[status][1]} for status in statuses}


def answer(status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error answer; the code follows from the status unless given."""
    if code is None:
        code = _CODES[status][0] if status in _CODES else HTTPStatus(status).phrase.lower().replace(" ", "_")
    # Messages may quote what was sent: a lone surrogate in it must not break the answer.
    text = message.encode("utf-8", "replace").decode()
    return JSONResponse({"error": {"code": code, "message": text}}, status, headers)


def install(app: FastAPI) -> None:
    """Give every error of an application the one shape."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = error.errors()
        if any(problem["type"] == "json_invalid" for problem in problems):
            return answer(
                400, "the body is not JSON: " + str(problems[0].get("ctx", {}).get("error", "cannot be read"))
            )
        return answer(422, _explain(problems))

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        message = error.detail if isinstance(error.detail, str) else HTTPStatus(error.status_code).phrase
        return answer(error.status_code, message, headers=dict(error.headers or {}))

    @app.exception_handler(NotFound)
    async def not_found(_request: Request, error: NotFound) -> JSONResponse:
        return answer(404, str(error))

    @app.exception_handler(ArticleError)
    async def no_article(_request: Request, error: ArticleError) -> JSONResponse:
        return answer(422, str(error))

    @app.exception_handler(StoreUnavailable)
    async def unavailable(_request: Request, error: StoreUnavailable) -> JSONResponse:
        log.error("%s", error)
        return answer(503, str(error), headers={"Retry-After": "5"})

    @app.exception_handler(DedupError)
    async def failed(_request: Request, error: DedupError) -> JSONResponse:
        log.error("%s", error)
        return answer(500, str(error), "failed")

    @app.exception_handler(Exception)
    async def internal(_request: Request, _error: Exception) -> JSONResponse:
        # The server logs the traceback; nothing of it belongs into the answer.
        return answer(500, "an error inside the service; its log says more", "internal")


def _explain(problems: Any) -> str:
    told = []
    for problem in problems[:MAX_PROBLEMS]:
        place = ".".join(str(part) for part in problem["loc"] if part != "body") or "body"
        what = "unknown field" if problem["type"] == "extra_forbidden" else problem["msg"]
        told.append(f"{place[:200]}: {what[:500]}")
    more = len(problems) - MAX_PROBLEMS
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


class BodyLimit:
    """ASGI middleware: a request body over the limit is 413, by its announced length or as soon as it has come.

    FastAPI's own `max_body_size` answers in plain text, whatever the handlers of the application say.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if announced.isdigit() and int(announced[:20]) > self.max_body_bytes:
            await self._refusal()(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                # FastAPI lets an HTTPException that reading the body raises through to its handler.
                raise HTTPException(413, self._message())
            return message

        await self.app(scope, counted, send)

    def _refusal(self) -> JSONResponse:
        return answer(413, self._message(), headers={"Connection": "close"})

    def _message(self) -> str:
        return f"the body may have at most {self.max_body_bytes} bytes"
