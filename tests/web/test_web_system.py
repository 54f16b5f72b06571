"""Health and version."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cds import __version__
from cds.config import Settings
from cds.errors import StorageError
from cds.web import create_app
from cds.web.status import Status


def test_livez(client: FlaskClient) -> None:
    """A process that answers is alive."""
    assert client.get("/livez").json == {"status": "alive"}


@pytest.mark.parametrize("path", ["/readyz", "/healthz"])
def test_readyz(engine: Any, path: str) -> None:
    """A process with loaded content is ready, and says which content, and how the last attempt to load it went
    (security D3)."""
    status = Status()
    client = create_app(engine, Settings(), status=status).test_client()
    status.end("0123456789abcdef")
    loaded = status.load.at
    for outcome in ("succeeded", "failed"):
        answer = client.get(path)
        assert (answer.status_code, answer.json) == (
            200,
            {
                "status": "ready",
                "content": {
                    "status": "ready",
                    "revision": "0123456789abcdef",
                    "loaded": loaded.isoformat(timespec="seconds"),
                    "last_load": outcome,
                },
            },
        )
        status.end(None)


def test_statistics(engine: Any) -> None:
    """Operators may ask for a number of days, and for one tenant."""
    client = create_app(engine, Settings(demo=True)).test_client()
    assert client.get("/stats.json").json == {"days": 30, "tenant": None}
    assert client.get("/stats.json?days=7&tenant=a").json == {"days": 7, "tenant": "a"}
    for days in ("0", "-1", "3661", "x", "²", "9" * 5000):
        assert client.get("/stats.json", query_string={"days": days}).status_code == 400


@pytest.mark.parametrize(("refused", "status"), [(True, 400), (False, 503)])
def test_statistics_that_the_database_does_not_tell(
    refused: bool, status: int, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant that the database has no characters for is a mistake in the request; a database that is down is not."""

    def fail(*_: object) -> None:
        raise StorageError("22021", refused=refused)

    monkeypatch.setattr(engine, "run_statistics", fail)
    client = create_app(engine, Settings(demo=True)).test_client()
    assert client.get("/stats.json?tenant=a").status_code == status


def test_a_stopping_service_is_not_ready(engine: Any) -> None:
    """From the signal to stop on it says 503, and goes on answering calls (security R4)."""
    status = Status()
    client = create_app(engine, Settings(demo=True), status=status).test_client()
    status.stop()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "stopping")
    assert client.get("/livez").status_code == client.get("/cds-services").status_code == 200


@pytest.mark.parametrize(
    ("demo", "problem", "status", "told"),
    [(True, None, 200, "ready"), (True, "locked", 200, "degraded"), (False, "locked", 503, "failed")],
)
def test_readiness_tells_the_database_apart(
    engine: Any, demo: bool, problem: str | None, status: int, told: str
) -> None:
    """Without the database cards are given but nothing is stored; where callers are asked who they are, their tokens
    cannot be checked either (security P4)."""
    client = create_app(engine, Settings(demo=demo), database=lambda: problem).test_client()
    answer = client.get("/readyz")
    body = answer.get_json()
    assert (answer.status_code, body["status"], body["content"]["status"]) == (status, told, "ready")
    assert body["database"] == ({"status": "failed", "reason": problem} if problem else {"status": "ready"})


def test_metrics(engine: Any) -> None:
    """Calls are counted by service and status, what is not about a service under none; health checks are not (R1)."""
    client = create_app(engine, Settings(demo=True)).test_client()
    client.post("/cds-services/pain", json={"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p"}})
    client.post("/cds-services/pain", json={})
    client.post("/cds-services/made-up", json={})
    client.get("/livez")
    answer = client.get("/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    counted = [line for line in answer.text.splitlines() if line.startswith("cds_calls_total")]
    assert counted == [
        'cds_calls_total{service="pain",status="200"} 1.0',
        'cds_calls_total{service="pain",status="400"} 1.0',
        'cds_calls_total{service="none",status="404"} 1.0',
    ]


def test_only_a_server_can_load_content_anew(engine: Any) -> None:
    """Without `cds serve` there is no process to ask: 501."""
    answer = create_app(engine, Settings(demo=True)).test_client().post("/admin/reload")
    assert (answer.status_code, answer.get_json()["issue"][0]["code"]) == (501, "not-supported")


def test_version(client: FlaskClient) -> None:
    """The running version and the revision of the content are to be had."""
    assert client.get("/version").json == {
        "name": "pathway-cds",
        "version": __version__,
        "revision": "0123456789abcdef",
    }


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/version"])
def test_answers_are_not_stored(client: FlaskClient, path: str) -> None:
    """No cache keeps these answers (security A4)."""
    headers = client.get(path).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
