"""The REST interface does what its OpenAPI document says: schemathesis tries it with good, odd and wrong requests."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from dedup.api import Service

# What JSON Schema cannot say and the description does: years from 1970 to 2100.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC)).map(datetime.isoformat),
)


class Later:
    """Stands for the service until the fixture has opened it: schemathesis reads the document at import."""

    service: Service

    def __getattr__(self, name: str) -> Any:
        return getattr(type(self).service, name)


def application_for_later():
    from dedup.api import create_app
    from dedup.config import default_config_path, load_config

    return create_app(Later(), load_config(default_config_path(), {"encode": {"batch_articles": 16}}))


schema = schemathesis.openapi.from_asgi("/openapi.json", application_for_later())


@pytest.fixture(scope="module")
def opened_service(tmp_path_factory, empty_database):
    """A database of its own: what is said at random of stories must not reach those of other tests."""
    from dedup.config import default_config_path, load_config
    from dedup.service import Deduplicator

    file = tmp_path_factory.mktemp("contract") / "news.sqlite3"
    shutil.copy(empty_database, file)
    own = {"model": {"name": "e5-small"}, "store": {"url": f"sqlite:///{file}"}}
    with Deduplicator.open(load_config(default_config_path(), own)) as service:
        service.warm_up()  # or the first request waits for the encoder, and schemathesis waits ten seconds
        Later.service = service
        yield


@schema.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@pytest.mark.usefixtures("opened_service")
def test_every_answer_is_one_that_the_document_promises(case):
    case.call_and_validate()


def test_every_route_is_documented_with_its_errors(client):
    document = client.get("/openapi.json").json()
    operations = {
        f"{method.upper()} {path}": set(operation["responses"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {
        "POST /similar": {"200", "400", "413", "422", "503"},
        "POST /articles": {"201", "400", "413", "422", "503"},
        "GET /articles/{article_id}": {"200", "404", "422", "503"},
        "GET /stories": {"200", "422", "503"},
        "GET /stories/{story_id}": {"200", "404", "422", "503"},
        "POST /v1/embeddings": {"200", "400", "404", "413", "4XX", "503"},
        "GET /feeds": {"200", "422", "503"},
        "GET /stories/{story_id}/history": {"200", "404", "422", "503"},
        "POST /feedback": {"201", "400", "404", "409", "413", "422", "503"},
        "GET /feedback": {"200", "422", "503"},
        "DELETE /feedback/{feedback_id}": {"200", "404", "409", "422", "503"},
        "GET /healthz": {"200"},
        "GET /readyz": {"200", "503"},
    }
    for path, methods in document["paths"].items():
        form = "/OpenAIErrorDocument" if path.startswith("/v1/") else "/ErrorDocument"
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status[0] >= "4":
                    assert response["content"]["application/json"]["schema"]["$ref"].endswith(form)
