"""One shape for every error, `{"error": {"code": …, "message": …}}`; under `/v1/` the one that OpenAI clients read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dedup._errors import DedupError, FeedbackRefused, NotFound, StoreUnavailable
from dedup_accelerate import EncoderBusy
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


@dataclass(frozen=True, slots=True)
class OpenAIErrorBody:
    """As OpenAI's clients read it; `param` names the field that is wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class OpenAIErrorDocument:
    """The body of every answer under `/v1/` with a status from 400."""

    error: OpenAIErrorBody


_CODES = {
    400: ("bad_request", "The body is not JSON that can be read."),
    404: ("not_found", "There is nothing with this id."),
    409: (
        "conflict",
        "What was said before, or the stories as they are, do not allow it; the message says what to do.",
    ),
    413: ("body_too_large", "The body is larger than serve.max_body_bytes."),
    422: ("invalid_request", "A field is missing, unknown or out of bounds; the message names it."),
    503: ("unavailable", "The database or the model cannot answer at the moment."),
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for these error statuses."""
    return {status: {"model": ErrorDocument, "description": _CODES[status][1]} for status in statuses}


def documented_as_openai() -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route under `/v1/`."""
    told: dict[int | str, str] = {
        400: "The body is not JSON, or a field is missing, unknown or out of bounds; the message names it.",
        404: "The model is not the one that is served.",
        413: _CODES[413][1],
        503: "Too many texts wait for the model (serve.max_waiting_texts); Retry-After says when to ask again.",
        # Else FastAPI documents a 422 of its own form, which no request is answered with.
        "4XX": "Refused.",
    }
    return {status: {"model": OpenAIErrorDocument, "description": words} for status, words in told.items()}


def openai_answer(
    status: int, message: str, code: str | None, param: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error answer as OpenAI's API gives it."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    text = message.encode("utf-8", "replace").decode()
    return JSONResponse({"error": {"message": text, "type": kind, "param": param, "code": code}}, status, headers)


def answer_at(
    path: str,
    status: int,
    message: str,
    code: str | None = None,
    headers: dict[str, str] | None = None,
    param: str | None = None,
) -> JSONResponse:
    """An error answer in the form that belongs to the path."""
    if not path.startswith("/v1/"):
        return answer(status, message, code, headers)
    code = code or (_CODES[status][0] if status in _CODES else None)
    return openai_answer(400 if status == 422 else status, message, code, param, headers)


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
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        problems = error.errors()
        if any(problem["type"] == "json_invalid" for problem in problems):
            return answer_at(
                request.url.path,
                400,
                "the body is not JSON: " + str(problems[0].get("ctx", {}).get("error", "cannot be read")),
            )
        return answer_at(request.url.path, 422, _explain(problems), param=_field(problems[0]))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        message = error.detail if isinstance(error.detail, str) else HTTPStatus(error.status_code).phrase
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # A path with several methods is several routes here, and the first one knows only its own.
            matching = [route for route in app.routes if route.matches(request.scope)[0] is not Match.NONE]
            headers["Allow"] = ", ".join(
                sorted({m for route in matching for m in getattr(route, "methods", None) or ()})
            )
        return answer_at(request.url.path, error.status_code, message, headers=headers)

    @app.exception_handler(NotFound)
    async def not_found(request: Request, error: NotFound) -> JSONResponse:
        return answer_at(request.url.path, 404, str(error))

    @app.exception_handler(FeedbackRefused)
    async def refused(request: Request, error: FeedbackRefused) -> JSONResponse:
        return answer_at(request.url.path, 409, str(error))

    @app.exception_handler(ArticleError)
    async def no_article(request: Request, error: ArticleError) -> JSONResponse:
        return answer_at(request.url.path, 422, str(error))

    @app.exception_handler(StoreUnavailable)
    async def unavailable(request: Request, error: StoreUnavailable) -> JSONResponse:
        log.error("%s", error)
        return answer_at(request.url.path, 503, str(error), headers={"Retry-After": "5"})

    @app.exception_handler(EncoderBusy)
    async def busy(request: Request, error: EncoderBusy) -> JSONResponse:
        return answer_at(request.url.path, 503, str(error), "busy", headers={"Retry-After": "1"})

    @app.exception_handler(DedupError)
    async def failed(request: Request, error: DedupError) -> JSONResponse:
        log.error("%s", error)
        return answer_at(request.url.path, 500, str(error), "failed")

    @app.exception_handler(Exception)
    async def internal(request: Request, _error: Exception) -> JSONResponse:
        # The server logs the traceback; nothing of it belongs into the answer.
        return answer_at(request.url.path, 500, "an error inside the service; its log says more", "internal")


def _field(problem: Any) -> str | None:
    """The field of a body that a problem is about."""
    named = [part for part in problem["loc"] if part != "body"]
    return str(named[0])[:200] if named else None


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
            await self._refusal(scope["path"])(scope, receive, send)
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

    def _refusal(self, path: str) -> JSONResponse:
        return answer_at(path, 413, self._message(), headers={"Connection": "close"})

    def _message(self) -> str:
        return f"the body may have at most {self.max_body_bytes} bytes"
