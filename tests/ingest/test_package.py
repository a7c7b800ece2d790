"""The package as a whole: what it exports, what it imports, what its settings refuse."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dedup_ingest
from dedup_ingest import ArticleLimits, FetchSettings, IngestError, ParseSettings, SettingsError


def test_everything_in_all_exists_and_is_sorted_for_readers() -> None:
    assert len(set(dedup_ingest.__all__)) == len(dedup_ingest.__all__)
    assert [name for name in dedup_ingest.__all__ if not hasattr(dedup_ingest, name)] == []


def test_importing_the_package_imports_no_heavy_library() -> None:
    code = (
        "import sys, dedup_ingest; "
        "print(sorted({'aiohttp', 'feedparser', 'gensim', 'py3langid', 'numpy', 'selectolax', 'ftfy', 'chardet'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_making_an_article_with_a_known_language_imports_no_heavy_library() -> None:
    code = (
        "import sys; from dedup_ingest import make_article; "
        "make_article(source='s', title='Bridge opens', text='It opened.', lang='en'); "
        "print(sorted({'aiohttp', 'feedparser', 'gensim', 'py3langid', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: FetchSettings(total_deadline_seconds=0), "total_deadline_seconds"),
        (lambda: FetchSettings(max_body_bytes=-1), "max_body_bytes"),
        (lambda: FetchSettings(max_redirects=-1), "max_redirects"),
        (lambda: FetchSettings(max_retries=-1), "max_retries"),
        (lambda: FetchSettings(unconditional_share=1.5), "unconditional_share"),
        (lambda: FetchSettings(proxy="socks5://proxy.example"), "proxy"),
        (lambda: FetchSettings(allow_networks=("10.0.0.1/8",)), "allow_networks"),
        (lambda: FetchSettings(user_agent="two\r\nlines"), "user_agent"),
        (lambda: ParseSettings(workers=-1), "workers"),
        (lambda: ParseSettings(max_entries=0), "max_entries"),
        (lambda: ArticleLimits(max_title_characters=0), "max_title_characters"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(make: object, named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        make()  # type: ignore[operator]
    assert isinstance(caught.value, IngestError)
    assert isinstance(caught.value, ValueError)


def test_the_docstring_of_the_errors_prints_the_whole_tree() -> None:
    from dedup_ingest import _errors

    names = {cls.__name__ for cls in vars(_errors).values() if isinstance(cls, type) and issubclass(cls, Exception)}
    assert names
    assert [name for name in names if name not in (_errors.__doc__ or "")] == []
