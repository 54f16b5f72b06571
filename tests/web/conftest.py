"""A web application over a small engine, with its log lines caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from cds.clients import Caller
from cds.config import Settings
from cds.errors import NotFoundError
from cds.fhirpath import operation
from cds.fhirpath.question import Surroundings
from cds.hooks import feedback
from cds.hooks.request import parse
from cds.service import Engine
from cds.web import create_app

CARDS = {"cards": [{"summary": "S", "indicator": "info", "source": {"label": "L"}}]}


@dataclass
class Content:
    revision: str = "0123456789abcdef"


@dataclass
class SmallEngine:
    """Parses calls of one service for real and answers one card, or does what `then` says."""

    snapshot: Content = field(default_factory=Content)
    then: Callable[[], dict[str, Any]] = lambda: CARDS

    def discovery(self) -> dict[str, Any]:
        return {"services": [{"hook": "patient-view", "id": "pain", "description": "D"}]}

    def run_hook(self, service_id: str, body: bytes, caller: Caller) -> dict[str, Any]:
        if service_id != "pain":
            raise NotFoundError(f"no service '{service_id}'")
        parse(body)
        return self.then()

    def run_feedback(self, service_id: str, body: bytes, caller: Caller) -> None:
        feedback.parse(body)

    def run_statistics(self, days: int, tenant: str | None) -> dict[str, Any]:
        return {"days": days, "tenant": tenant}

    def run_fhirpath(self, body: bytes, release: str) -> dict[str, Any]:
        return operation.answer(body, Surroundings(datetime(2026, 3, 3, tzinfo=UTC), UTC), release=release)


@pytest.fixture
def engine() -> SmallEngine:
    return SmallEngine()


@pytest.fixture
def client(engine: SmallEngine) -> FlaskClient:
    return create_app(engine, Settings(demo=True, cors_origins=("https://ehr.example",))).test_client()


@pytest.fixture(scope="session")
def bundled() -> FlaskClient:
    """The content that comes with the software, in demo mode, on one day; for tests that only ask."""
    settings = Settings(demo=True, now="2026-03-02T12:00:00Z", max_body=200_000)
    return create_app(Engine(settings), settings).test_client()


@pytest.fixture
def log() -> Iterator[list[MutableMapping[str, Any]]]:
    """Every log line of the test, down to debug."""
    with capture_logs() as lines:
        yield lines
