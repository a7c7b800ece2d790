"""The REST interface: `create_app(service, config)`, a FastAPI application over an open service."""

from __future__ import annotations

from dedup.api._app import create_app
from dedup.api._service import Service

__all__ = ["Service", "create_app"]
