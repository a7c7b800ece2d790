"""Routes for editors: what they say of stories and articles, and what became of it."""

# No `from __future__ import annotations`: see `_app.py`.

from typing import Annotated, Literal

from fastapi import FastAPI, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dedup.api._errors import documented
from dedup.api._fields import Identifier, number
from dedup.api._service import Service
from dedup.config import Config
from dedup.results import FeedbackView
from dedup.wire import FeedbackList, StoryHistory

# Without an upper bound: what no database could hold is not found, like any other id that is not there.
Id = Annotated[int, Field(ge=1), BeforeValidator(number)]
Two = Annotated[list[Id], Field(min_length=2, max_length=2)]
DEFAULT_WORDS = 20


class Said(BaseModel):
    """Something that an editor says; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MergeSaid(Said):
    """Two stories are one."""

    kind: Literal["merge"]
    stories: Two


class SplitSaid(Said):
    """Articles of a story are a story of their own."""

    kind: Literal["split"]
    story: Id
    articles: Annotated[list[Id], Field(min_length=1, max_length=1000)]


class SameSaid(Said):
    """Two articles tell one event."""

    kind: Literal["is-a-duplicate"]
    articles: Two


class DifferentSaid(Said):
    """Two articles do not tell one event."""

    kind: Literal["not-a-duplicate"]
    articles: Two


AnythingSaid = Annotated[MergeSaid | SplitSaid | SameSaid | DifferentSaid, Field(discriminator="kind")]


def add_feedback(app: FastAPI, service: Service, config: Config) -> None:
    """Add the routes of editors to an application."""

    @app.post(
        "/feedback",
        status_code=201,
        responses=documented(400, 404, 409, 413, 422, 503),
        summary="Say what belongs together: followed at once, kept, never undone by a repair",
    )
    def say(request: AnythingSaid) -> FeedbackView:
        editor = service.editor
        match request:
            case MergeSaid(stories=[one, other]):
                return editor.merge(one, other)
            case SplitSaid():
                return editor.split(request.story, request.articles)
            case SameSaid(articles=[one, other]):
                return editor.same(one, other)
            case DifferentSaid(articles=[one, other]):
                return editor.different(one, other)
        raise AssertionError(f"a kind without a case: {request}")

    @app.get("/feedback", responses=documented(422, 503), summary="What editors said, the newest first")
    def feedback(
        limit: Annotated[int, Query(ge=1, le=config.serve.max_k)] = min(DEFAULT_WORDS, config.serve.max_k),
    ) -> FeedbackList:
        return FeedbackList(service.feedback(limit=limit))

    @app.delete(
        "/feedback/{feedback_id}",
        responses=documented(404, 409, 422, 503),
        summary="Take back what an editor said: the evidence decides again",
    )
    def revoke(feedback_id: Identifier) -> FeedbackView:
        return service.editor.revoke(feedback_id)

    @app.get(
        "/stories/{story_id}/history",
        responses=documented(404, 422, 503),
        summary="What happened to a story, oldest first, with the reasons",
    )
    def history(story_id: Identifier) -> StoryHistory:
        return StoryHistory(service.history(story_id))
