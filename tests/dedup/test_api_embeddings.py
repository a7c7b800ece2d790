"""`POST /v1/embeddings` with OpenAI's own client over a socket, and what it refuses."""

from __future__ import annotations

import base64
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

NEWS = ["The council of Brenholt kept its bus routes.", "Совет Бренхольта сохранил автобусы.", "Снег"]


@pytest.fixture(scope="module")
def address(application):
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server.should_exit = True
    thread.join(30)
    listener.close()


@pytest.fixture(scope="module")
def openai_client(address):
    from openai import OpenAI

    with OpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client


def test_openais_client_gets_the_vectors_of_the_encoder_in_order(openai_client, service):
    expected = service._encoder.load().encode(NEWS)
    answer = openai_client.embeddings.create(model="e5-small", input=NEWS)  # it asks for base64 by itself
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert np.allclose([item.embedding for item in answer.data], expected, atol=1e-6)
    assert answer.model == "e5-small"
    assert answer.usage.prompt_tokens == sum(service._encoder.load().count_tokens(NEWS))
    assert answer.usage.total_tokens == answer.usage.prompt_tokens


def test_numbers_and_base64_are_the_same_vector(client):
    body = {"model": "e5-small", "input": NEWS[0]}
    plain = client.post("/v1/embeddings", json=body | {"encoding_format": "float"}).json()
    packed = client.post("/v1/embeddings", json=body | {"encoding_format": "base64", "dimensions": 384}).json()
    (row,) = [item["embedding"] for item in plain["data"]]
    blob = base64.b64decode(packed["data"][0]["embedding"])
    assert len(row) == 384
    assert np.array_equal(np.frombuffer(blob, "<f4"), np.array(row, np.float32))
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)
    assert (plain["object"], plain["data"][0]["object"]) == ("list", "embedding")


def test_many_clients_at_once_each_get_their_own(openai_client, service):
    texts = [f"{number} storks were counted on the chimneys of Lusen" for number in range(24)]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda text: openai_client.embeddings.create(model="e5-small", input=text), texts))
    rows = np.array([answer.data[0].embedding for answer in found], np.float32)
    assert np.abs(rows - service._encoder.load().encode(texts)).max() < 1e-4


def test_openais_client_understands_what_is_refused(openai_client):
    import openai

    with pytest.raises(openai.NotFoundError) as missing:
        openai_client.embeddings.create(model="text-embedding-3-small", input="News")
    assert missing.value.code == "model_not_found"
    assert "'e5-small' is" in missing.value.message
    with pytest.raises(openai.BadRequestError) as tokens:
        openai_client.embeddings.create(model="e5-small", input=[[101, 2003]])
    assert tokens.value.param == "input"
    assert "send the text" in tokens.value.message
    with pytest.raises(openai.BadRequestError, match="384 dimensions"):
        openai_client.embeddings.create(model="e5-small", input="News", dimensions=64)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        ({}, "input"),
        ({"model": "e5-small"}, "input"),
        ({"model": "e5-small", "input": ""}, "input"),
        ({"model": "e5-small", "input": []}, "input"),
        ({"model": "e5-small", "input": ["a", ""]}, "input"),
        ({"model": "e5-small", "input": [1, 2]}, "input"),
        ({"model": "e5-small", "input": 7}, "input"),
        ({"model": "e5-small", "input": None}, "input"),
        ({"model": "e5-small", "input": ["x"] * 2049}, "input"),
        ({"model": "e5-small", "input": "x", "encoding_format": "int8"}, "encoding_format"),
        ({"model": "e5-small", "input": "x", "dimensions": True}, "dimensions"),
        ({"model": "e5-small", "input": "x", "input_type": "query"}, "input_type"),
        ({"input": "x"}, "model"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_wrong_request_is_400_in_openais_form(client, body, param):
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = client.post("/v1/embeddings", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_a_body_too_large_and_a_wrong_method_are_in_openais_form_too(client):
    large = client.post("/v1/embeddings", json={"model": "e5-small", "input": "x" * 300_000})
    assert (large.status_code, large.json()["error"]["code"]) == (413, "body_too_large")
    wrong = client.get("/v1/embeddings")
    assert wrong.status_code == 405
    assert wrong.json()["error"]["type"] == "invalid_request_error"


def test_odd_texts_have_vectors(client):
    texts = [" ", "\u0000", "😀" * 3000, "я" * 20_000]
    body = json.dumps({"model": "e5-small", "input": texts})
    lone = b'{"model": "e5-small", "input": "\\ud800"}'
    for content in (body.encode(), lone):
        answer = client.post("/v1/embeddings", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
        rows = np.array([item["embedding"] for item in answer.json()["data"]])
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
