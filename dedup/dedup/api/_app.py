"""The routes. Each is a plain function that calls the service; FastAPI runs it in a thread of its pool."""

# No `from __future__ import annotations`: the request models are made inside `create_app`, from the limits of the
# configuration, and FastAPI could not find them by name.

import logging
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import BackgroundTasks, Body, FastAPI, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from dedup._errors import DedupError
from dedup.api._embeddings import add_embeddings
from dedup.api._errors import BodyLimit, answer, documented, install
from dedup.api._feedback import add_feedback
from dedup.api._fields import (
    MAX_ID,
    Characters,
    Identifier,
    Lang,
    Moment,
    Probability,
    Title,
    number,
)
from dedup.api._service import Service
from dedup.config import Config
from dedup.feeds import Selection
from dedup.wire import ArticleDocument, Feeds, Matches, Placement, Placements, Stories, StoryDocument
from dedup_ingest import Article, ArticleLimits, make_article

log = logging.getLogger("dedup.api")

_BODY = documented(400, 413, 422, 503)
DEFAULT_K = 10
DEFAULT_STORIES = 20


class Request(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Health(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """Database, model and index answer."""

    status: str
    articles: int
    indexed: int
    model: str
    artifact: str


def create_app(service: Service, config: Config) -> FastAPI:
    """The application over an open service; closing the service stays with the caller.

    The limits come from the configuration: those of `[article]`, `serve.max_k` (matches, stories, and feeds,
    of one answer), `serve.max_body_bytes`, and `encode.batch_articles` (articles of one request, which are
    stored in one transaction).
    """
    max_title, max_text = config.article.max_title_characters, config.article.max_text_characters
    max_source, max_guid, max_url = (
        config.article.max_source_characters,
        config.article.max_guid_characters,
        config.article.max_url_characters,
    )
    max_k, max_articles = config.serve.max_k, config.encode.batch_articles

    class SimilarRequest(Request):
        """News to look for; nothing of it is stored."""

        title: Annotated[Title, Field(max_length=max_title)]
        text: Annotated[Characters, Field(max_length=max_text)] = ""
        published: Annotated[Moment | None, Field(description="Only articles near this time are looked at.")] = None
        lang: Lang | None = None
        k: Annotated[int, Field(ge=1, le=max_k, description="Most matches wanted."), BeforeValidator(number)] = min(
            DEFAULT_K, max_k
        )
        min_probability: Annotated[Probability, Field(description="Leave out what is less likely the same event.")] = (
            0.0
        )

    class ArticleRequest(Request):
        """An article to store."""

        title: Annotated[Title, Field(max_length=max_title)]
        text: Annotated[Characters, Field(max_length=max_text)] = ""
        source: Annotated[Title, Field(max_length=max_source, description="Who published it.")]
        id: Annotated[
            Characters | None,
            Field(max_length=max_guid, description="Its id at the source: the same id again updates the article."),
        ] = None
        url: Annotated[Characters | None, Field(max_length=max_url)] = None
        published: Moment | None = None
        lang: Annotated[Lang | None, Field(description="Else it is recognised from the text.")] = None

    app = FastAPI(
        title="news-dedup",
        version=version("news-dedup"),
        description="One entry per news story: articles in, duplicates joined, each with its evidence.",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(BodyLimit, max_body_bytes=config.serve.max_body_bytes)
    install(app)

    @app.post("/similar", responses=_BODY, summary="Stored articles that tell the same news, best first")
    def similar(request: SimilarRequest) -> Matches:
        found = service.similar(
            title=request.title,
            text=request.text,
            published=request.published,
            lang=request.lang,
            k=request.k,
            min_probability=request.min_probability,
        )
        return Matches.of(found)

    @app.post("/articles", status_code=201, responses=_BODY, summary="Store one article or a list of them")
    def add_articles(
        request: Annotated[
            Annotated[ArticleRequest, Tag("article")]
            | Annotated[list[ArticleRequest], Field(min_length=1, max_length=max_articles), Tag("articles")],
            # By its kind, so that the message tells what is wrong with the one or the list, not with both.
            Discriminator(lambda body: "articles" if isinstance(body, list) else "article"),
            Body(),
        ],
        afterwards: BackgroundTasks,
    ) -> Placements:
        articles = request if isinstance(request, list) else [request]
        placed = service.add([_article(config, article.model_dump()) for article in articles])
        afterwards.add_task(_repair, service)
        return Placements(tuple(Placement.of(item) for item in placed))

    @app.get("/articles/{article_id}", responses=documented(404, 422, 503), summary="An article and its matches")
    def article(article_id: Identifier) -> ArticleDocument:
        return ArticleDocument.of(service.article(article_id), service.matches(article_id))

    @app.get("/stories", responses=documented(422, 503), summary="Stories, the one with the newest article first")
    def stories(
        limit: Annotated[int, Query(ge=1, le=max_k)] = min(DEFAULT_STORIES, max_k),
        min_size: Annotated[int, Query(ge=1, le=config.story.max_size_articles)] = 1,
        since: Annotated[Moment | None, Query(description="Only stories with an article after this time.")] = None,
        lang: Annotated[Lang | None, Query()] = None,
    ) -> Stories:
        return Stories(service.stories(limit=limit, min_size=min_size, since=since, lang=lang))

    @app.get(
        "/stories/{story_id}", responses=documented(404, 422, 503), summary="A story and why each article is in it"
    )
    def story(story_id: Identifier) -> StoryDocument:
        return StoryDocument.of(service.story(story_id))

    @app.get("/feeds", responses=documented(422, 503), summary="Stored feeds and how they are")
    def feeds(
        which: Annotated[Selection, Query(description="trouble: failing, readable with a problem, or ended.")] = "all",
        limit: Annotated[int, Query(ge=1, le=max_k)] = max_k,
        after: Annotated[int, Query(ge=0, le=MAX_ID, description="The last id of the page before.")] = 0,
    ) -> Feeds:
        return Feeds(service.feeds(which, limit=limit, after=after))

    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> Health:
        return Health(status="ok")

    @app.get("/readyz", responses=documented(503), response_model=Readiness, summary="Whether it can do its work")
    def readyz() -> Any:
        return _readiness(service)

    add_feedback(app, service, config)
    add_embeddings(app, service, config)
    return app


def _article(config: Config, request: dict[str, Any]) -> Article:
    limits = ArticleLimits(**config.article.model_dump())
    return make_article(guid=request.pop("id"), limits=limits, **request)


def _repair(service: Service) -> None:
    """After the answer: nobody waits for it, and what it leaves undone the next one does."""
    try:
        service.repair()
    except DedupError as error:
        log.warning("repair: %s", error)


def _readiness(service: Service) -> Readiness | JSONResponse:
    try:
        stats = service.stats()
        service.similar(title="Is everything ready?", k=1)  # one way through the model, the index and the database
    except Exception as error:
        # Whatever it is, a load balancer must hear "not ready" in the documented form.
        return answer(503, f"{type(error).__name__}: {error}", "not_ready")
    return Readiness(
        status="ready", articles=stats.articles, indexed=stats.indexed, model=stats.model, artifact=stats.artifact
    )
