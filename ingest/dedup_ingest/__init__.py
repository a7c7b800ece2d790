"""Feeds in, clean articles out: fetch, parse, normalise, clean. Knows no model and no database.

    feeds = read_feed_list(Path("feeds.txt"))
    requests = [FeedRequest(feed.url) for feed in feeds.feeds]
    async for outcome in collect(requests, FetchSettings(), ParseSettings()):
        ...

Importing the package imports neither aiohttp, feedparser, gensim nor py3langid; each is loaded when first needed.
"""

from __future__ import annotations

from ._article import Article, make_article
from ._clean import CLEANED_LANGUAGES, clean, stop_words
from ._collect import collect
from ._dates import parse_date
from ._discover import FoundFeed, discover_feeds
from ._errors import ArticleError, ErrorKind, FeedError, FeedListError, IngestError, ScheduleError, SettingsError
from ._failure import FailureClass, failure_class
from ._feedlist import FeedLine, FeedList, FeedListProblem, address_problem, parse_feed_list, read_feed_list
from ._fulltext import Known
from ._language import detect_language
from ._normalise import normalise
from ._opml import write_opml
from ._outcome import FeedOutcome, FeedRequest, PageOutcome, Redirect
from ._queue import More
from ._schedule import FeedPlan, after_visit, interval_seconds, is_due, next_cron, replanned
from ._settings import ArticleLimits, FetchSettings, FullTextSettings, ParseSettings, ScheduleSettings
from ._urls import canonical_url, feed_identity, host_of

__all__ = [
    "CLEANED_LANGUAGES",
    "Article",
    "ArticleError",
    "ArticleLimits",
    "ErrorKind",
    "FailureClass",
    "FeedError",
    "FeedLine",
    "FeedList",
    "FeedListError",
    "FeedListProblem",
    "FeedOutcome",
    "FeedPlan",
    "FeedRequest",
    "FetchSettings",
    "FoundFeed",
    "FullTextSettings",
    "IngestError",
    "Known",
    "More",
    "PageOutcome",
    "ParseSettings",
    "Redirect",
    "ScheduleError",
    "ScheduleSettings",
    "SettingsError",
    "address_problem",
    "after_visit",
    "canonical_url",
    "clean",
    "collect",
    "detect_language",
    "discover_feeds",
    "failure_class",
    "feed_identity",
    "host_of",
    "interval_seconds",
    "is_due",
    "make_article",
    "next_cron",
    "normalise",
    "parse_date",
    "parse_feed_list",
    "read_feed_list",
    "replanned",
    "stop_words",
    "write_opml",
]
