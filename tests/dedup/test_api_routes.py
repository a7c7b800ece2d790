"""Each route with a real service behind it, and what hostile or mistaken requests get."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import pytest

MAX_INT64 = 2**63 - 1
BRIDGE = {
    "title": "Sixty-metre footbridge opens over the Vartava",
    "text": "The footbridge over the Vartava opened on Monday after two years of work and cost 4.1 million crowns.",
    "source": "Vartava Herald",
    "published": "2026-04-20T08:00:00Z",
    "lang": "en",
}


def post(client, path, body, **headers):
    content = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post(path, content=content, headers={"Content-Type": "application/json"} | headers)


def error_of(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] == code
    return body["error"]["message"]


def test_an_article_is_stored_and_its_copy_joins_its_story(client):
    first = post(client, "/articles", BRIDGE | {"id": "bridge-1"})
    assert first.status_code == 201
    (placed,) = first.json()["placed"]
    assert (placed["outcome"], placed["match"]) == ("new_story", None)
    copy = post(client, "/articles", [BRIDGE | {"source": "Copycat Daily"}, BRIDGE | {"id": "bridge-1"}])
    joined, known = copy.json()["placed"]
    assert (joined["outcome"], joined["story_id"]) == ("joined", placed["story_id"])
    assert joined["match"]["verdict"] == "identical"
    assert joined["match"]["article"]["id"] == placed["article_id"]
    assert (known["outcome"], known["article_id"]) == ("known", placed["article_id"])

    document = client.get(f"/articles/{joined['article_id']}").json()
    assert document["article"]["title"] == BRIDGE["title"]
    assert document["article"]["published_at"] == "2026-04-20T08:00:00Z"
    assert [match["article"]["id"] for match in document["matches"]] == [placed["article_id"]]
    story = client.get(f"/stories/{placed['story_id']}").json()
    assert story["story"]["size"] == 2
    assert {member["article"]["source"] for member in story["members"]} == {"Vartava Herald", "Copycat Daily"}
    listed = client.get("/stories", params={"since": "2026-04-20T07:59:59Z", "min_size": 2}).json()["stories"]
    assert placed["story_id"] in [summary["id"] for summary in listed]

    asked = post(client, "/similar", {"title": BRIDGE["title"], "text": BRIDGE["text"], "lang": "en", "k": 1})
    (match,) = asked.json()["matches"]
    assert (match["verdict"], match["story_id"]) == ("identical", placed["story_id"])
    assert match["reason"]
    assert set(match["evidence"]) >= {"cosine", "jaccard", "conflicts", "hours_apart", "same_source", "translation"}


def test_similar_stores_nothing(client):
    before = client.get("/readyz").json()["articles"]
    assert post(client, "/similar", {"title": "A headline that nobody wrote yet"}).status_code == 200
    assert client.get("/readyz").json()["articles"] == before


def test_rest_and_command_line_answer_with_the_same_document(client, service):
    from dedup.results import to_json
    from dedup.wire import Matches

    over_http = post(client, "/similar", {"title": BRIDGE["title"], "k": 3}).json()
    assert over_http == json.loads(json.dumps(to_json(Matches.of(service.similar(title=BRIDGE["title"], k=3)))))


def test_health_and_readiness(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["model"] == "e5-small"


def test_readiness_is_503_when_the_database_is_gone(config, tmp_path):
    from fastapi.testclient import TestClient

    from dedup.api import create_app
    from dedup.service import Deduplicator

    file = tmp_path / "gone.sqlite3"
    url = f"sqlite:///{file}"
    own = config.model_copy(update={"store": config.store.model_copy(update={"url": url})})
    with Deduplicator.open(own) as service, TestClient(create_app(service, own)) as client:
        assert client.get("/readyz").status_code == 200
        service.store.close()
        for part in tmp_path.glob("gone.sqlite3*"):
            part.unlink() if part.is_file() else None
        file.mkdir()  # nothing can be opened here any more
        error_of(client.get("/readyz"), 503, "not_ready")
        error_of(client.get("/stories"), 503, "unavailable")
        assert client.get("/healthz").status_code == 200


def test_a_request_is_503_while_too_many_texts_wait_for_the_encoder(config, tmp_path, empty_database):
    from concurrent.futures import ThreadPoolExecutor

    from fastapi.testclient import TestClient

    from dedup.api import create_app
    from dedup.service import Deduplicator

    shutil.copy(empty_database, tmp_path / "news.sqlite3")
    # The first text waits for a full batch, which nobody fills; there is no room for a second.
    limits = {"batch_wait_milliseconds": 60_000.0, "max_waiting_texts": 1}
    own = config.model_copy(
        update={
            "store": config.store.model_copy(update={"url": f"sqlite:///{tmp_path}/news.sqlite3"}),
            "serve": config.serve.model_copy(update=limits),
        }
    )
    with (
        ThreadPoolExecutor(1) as pool,
        Deduplicator.open(own, batching=True) as service,
        TestClient(create_app(service, own)) as client,
    ):
        first = pool.submit(post, client, "/similar", {"title": "A bridge opens"})
        batcher = service._encoder.load() and service._encoder._batcher
        with batcher._changed:
            assert batcher._changed.wait_for(lambda: batcher._texts, 60)
        refused = post(client, "/similar", {"title": "A tunnel closes"})
        assert "ask again later" in error_of(refused, 503, "busy")
        assert refused.headers["retry-after"] == "1"
        service._encoder.close()
        assert first.result(60).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_request"),
        (b"{", 400, "bad_request"),
        (b"\xff\xfe", 400, "bad_request"),
        (b'{"title": ' + b"[" * 100_000, 400, "bad_request"),
        (b'{"title": "x", "k": ' + b"9" * 5000 + b"}", 400, "bad_request"),
        (b"null", 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b'"title"', 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"title": ""}, 422, "invalid_request"),
        ({"title": " \u0000\u200a\n"}, 422, "invalid_request"),
        ({"title": "x", "tittle": "y"}, 422, "invalid_request"),
        ({"title": "x" * 1001}, 422, "invalid_request"),
        ({"title": "x", "k": 0}, 422, "invalid_request"),
        ({"title": "x", "k": 101}, 422, "invalid_request"),
        ({"title": "x", "k": 10**30}, 422, "invalid_request"),
        ({"title": "x", "k": "5"}, 422, "invalid_request"),
        ({"title": "x", "k": True}, 422, "invalid_request"),
        ({"title": "x", "min_probability": 1.01}, 422, "invalid_request"),
        ({"title": "x", "min_probability": float("nan")}, 422, "invalid_request"),
        ({"title": "x", "published": 1700000000}, 422, "invalid_request"),
        ({"title": "x", "published": "2026-03-12"}, 422, "invalid_request"),
        ({"title": "x", "published": "2026-03-12T09:00:00"}, 422, "invalid_request"),
        ({"title": "x", "published": "0001-01-01T00:00:00+14:00"}, 422, "invalid_request"),
        ({"title": "x", "published": "9999-12-31T23:59:59-14:00"}, 422, "invalid_request"),
        ({"title": "x", "published": "2026-02-30T00:00:00Z"}, 422, "invalid_request"),
        ({"title": "x", "lang": "\ud800"}, 422, "invalid_request"),
        ({"title": "x", "lang": "english please"}, 422, "invalid_request"),
        ({"title": "x", "\ud800": "y"}, 422, "invalid_request"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_case_70_a_wrong_body_gets_a_documented_error(client, body, status, code):
    assert error_of(post(client, "/similar", body), status, code)


def test_case_70_a_database_without_articles_has_nothing_similar_and_no_stories(config, tmp_path, empty_database):
    from fastapi.testclient import TestClient

    from dedup.api import create_app
    from dedup.service import Deduplicator

    shutil.copy(empty_database, tmp_path / "news.sqlite3")
    own = config.model_copy(
        update={"store": config.store.model_copy(update={"url": f"sqlite:///{tmp_path}/news.sqlite3"})}
    )
    with Deduplicator.open(own) as service, TestClient(create_app(service, own)) as client:
        assert post(client, "/similar", {"title": "A bridge opens", "k": 100}).json()["matches"] == []
        assert client.get("/stories").json()["stories"] == []
        assert client.get("/readyz").json()["articles"] == 0


@pytest.mark.parametrize(
    "published",
    ["2026-03-12T09:00:00Z", "2026-03-12t09:00:00.123456789z", "2026-03-12T23:59:60Z", "1970-01-01T00:00:00+00:00"],
)
def test_every_rfc3339_time_is_read(client, published):
    assert post(client, "/similar", {"title": "x", "published": published}).status_code == 200


def test_characters_no_database_stores_are_taken_out(client):
    title = r"Lone \ud800 surrogate\u0000 and a pair \ud83d\ude00"
    raw = rf'{{"title": "{title}", "source": "Odd\u0000 Times", "text": "a\u0000b"}}'
    (placed,) = post(client, "/articles", raw).json()["placed"]
    article = client.get(f"/articles/{placed['article_id']}").json()["article"]
    assert article["title"] == "Lone \ufffd surrogate and a pair 😀"
    assert article["source"] == "Odd Times"
    assert article["text"] == "ab"


def test_a_title_of_nothing_but_punctuation_or_emoji_is_an_article(client):
    for title in ("!!!", "🌧️", "…"):
        assert post(client, "/articles", {"title": title, "source": "Signs"}).status_code == 201
        assert post(client, "/similar", {"title": title}).status_code == 200


def test_a_body_over_the_limit_is_413_announced_or_not(client, config):
    large = b'{"title": "x", "text": "' + b"y" * config.serve.max_body_bytes + b'"}'

    def in_pieces():
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    assert str(config.serve.max_body_bytes) in error_of(post(client, "/similar", large), 413, "body_too_large")
    unannounced = client.post("/similar", content=in_pieces(), headers={"Content-Type": "application/json"})
    error_of(unannounced, 413, "body_too_large")


def test_a_list_has_a_largest_and_a_smallest_size(client, config):
    articles = [{"title": f"Item {n}", "source": "Lists"} for n in range(config.encode.batch_articles + 1)]
    before = client.get("/readyz").json()["articles"]
    error_of(post(client, "/articles", articles), 422, "invalid_request")
    error_of(post(client, "/articles", []), 422, "invalid_request")
    # One wrong article refuses the whole list.
    error_of(post(client, "/articles", [articles[0], {"title": "no source"}]), 422, "invalid_request")
    assert client.get("/readyz").json()["articles"] == before


@pytest.mark.parametrize("path", ["/articles", "/stories"])
def test_ids_that_are_not_there_or_cannot_be(client, path):
    error_of(client.get(f"{path}/{MAX_INT64}"), 404, "not_found")
    for wrong in (MAX_INT64 + 1, 10**40, 0, -1, "x", "1.5", "%00", "NaN"):
        error_of(client.get(f"{path}/{wrong}"), 422, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "min_size=0",
        f"min_size={10**30}",
        "since=1700000000",
        "since=2026",
        "lang=%00",
    ],
)
def test_wrong_queries_are_422(client, query):
    error_of(client.get(f"/stories?{query}"), 422, "invalid_request")


def test_unknown_paths_and_methods_have_the_same_shape(client):
    error_of(client.get("/nothing"), 404, "not_found")
    refused = client.delete("/stories")
    error_of(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET"


def test_an_error_inside_tells_nothing_of_itself(config):
    from fastapi.testclient import TestClient

    from dedup.api import create_app

    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("the password is swordfish")

    client = TestClient(create_app(Broken(), config), raise_server_exceptions=False)
    assert "swordfish" not in error_of(client.get("/stories"), 500, "internal")


def test_requests_are_served_side_by_side(client):
    from concurrent.futures import ThreadPoolExecutor

    def one(number):
        article = {
            "title": f"Regatta {number} ends in calm",
            "source": "Boats",
            "published": datetime(2026, 5, 1, tzinfo=UTC).isoformat(),
        }
        return post(client, "/articles", article).status_code, post(
            client, "/similar", {"title": "Regatta"}
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(16))) == {(201, 200)}


def test_an_editor_splits_a_story_reads_its_history_and_takes_the_word_back(client):
    news = BRIDGE | {"title": "Vartava footbridge: the ferryman retires", "source": "Ferry Post"}
    placed = post(client, "/articles", [news | {"id": name, "source": name} for name in ("f1", "f2", "f3")])
    articles = [one["article_id"] for one in placed.json()["placed"]]
    (story,) = {one["story_id"] for one in placed.json()["placed"]}
    members = [one["article"]["id"] for one in client.get(f"/stories/{story}").json()["members"]]

    said = post(client, "/feedback", {"kind": "split", "story": story, "articles": articles[1:]})
    assert said.status_code == 201, said.text
    word = said.json()
    assert word["sides"][1] == sorted(articles[1:])
    assert sorted([*word["sides"][0], *word["sides"][1]]) == sorted(members)
    (new,) = {client.get(f"/articles/{id_}").json()["article"]["story_id"] for id_ in articles[1:]}
    assert new != story
    events = client.get(f"/stories/{new}/history").json()["events"]
    assert [(event["kind"], event["detail"].get("from")) for event in events] == [("split", story), ("feedback", None)]
    assert client.get("/feedback", params={"limit": 1}).json()["feedback"][0]["id"] == word["id"]

    again = post(client, "/feedback", {"kind": "is-a-duplicate", "articles": articles[:2]})
    assert f"feedback {word['id']} keeps articles" in error_of(again, 409, "conflict")
    assert client.delete(f"/feedback/{word['id']}").json()["revokes"] == word["id"]
    assert {client.get(f"/articles/{id_}").json()["article"]["story_id"] for id_ in articles} == {story}
    error_of(client.delete(f"/feedback/{word['id']}"), 409, "conflict")
    error_of(client.delete("/feedback/999999"), 404, "not_found")
    error_of(post(client, "/feedback", {"kind": "merge", "stories": [story]}), 422, "invalid_request")
    error_of(post(client, "/feedback", {"kind": "praise", "stories": [story, new]}), 422, "invalid_request")
