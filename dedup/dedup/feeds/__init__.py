"""The stored feeds: which there are, when each is due, who is fetching it, what it brought.

    book = FeedBook(store, config)
    book.add("https://example.org/rss")
    for feed in book.feeds():
        print(feed.url, feed.state, feed.next_at)

What is due and when it is next is decided by `dedup_ingest`; here is the memory that several processes share.
"""

from __future__ import annotations

from dedup.feeds._book import FeedBook, Selection, Synchronised, feed_views
from dedup.feeds._collecting import Collector
from dedup.feeds._gathering import gather
from dedup.feeds._inbox import Inbox
from dedup.feeds._leases import Claim, Leases
from dedup.feeds._plans import check_crons
from dedup.feeds._sorting import Sorter
from dedup.feeds._views import FeedView

__all__ = [
    "Claim",
    "Collector",
    "FeedBook",
    "FeedView",
    "Inbox",
    "Leases",
    "Selection",
    "Sorter",
    "Synchronised",
    "check_crons",
    "feed_views",
    "gather",
]
