"""Who may reach which route."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds.clients import Caller, Client
from cds.config import Settings
from cds.errors import ConfigurationError, UnauthenticatedError
from cds.web import create_app
from cds.web.guard import ACCESS, Access

Log = list[MutableMapping[str, Any]]
EHR = Caller(Client(id="ehr", issuer="i", tenant="ehr", origins=frozenset({"https://ehr.example"})), "ehr", "t1")
TOKEN = "0123456789abcdef" * 2


class Known:
    """Takes whoever sends `Bearer known` for the client EHR, and notes what paths were asked for."""

    origins = frozenset({"https://ehr.example", "https://other.example"})

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.client = EHR.client

    def caller(self, authorization: str | None, path: str) -> Caller:
        self.paths.append(path)
        if authorization != "Bearer known":
            raise UnauthenticatedError("no-token")
        return Caller(self.client, self.client.tenant, "t1")


def closed(engine: Any, **settings: Any) -> Flask:
    """The application of a site that closes discovery, where the one client is known by `Bearer known`."""
    return create_app(engine, Settings(open_discovery=False, **settings), Known())


def addresses(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every route and method of `app`, its variables filled in."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<any\('?([^,')]+)[^>]*>", r"\1", rule.rule)
        path = re.sub(r"<[^>]+>", "x", path)
        found += [(rule.endpoint, method, path) for method in sorted((rule.methods or set()) - {"OPTIONS"})]
    return found


def test_every_route_is_in_the_table(engine: Any) -> None:
    """A route that nobody thought of fails here, and is closed until then; a route that is gone leaves the table
    (security J15)."""
    routes = {rule.endpoint for rule in create_app(engine, Settings()).url_map.iter_rules()}
    assert routes == set(ACCESS)


def test_every_route_needs_a_token(engine: Any) -> None:
    """Each route is called without a token: probes alone answer, everything else is the same 401 (security J15, F3)."""
    app = closed(engine)
    client = app.test_client()
    bodies = set()
    for endpoint, method, path in addresses(app):
        response = client.open(path, method=method)
        if ACCESS[endpoint] is Access.ANYONE:
            assert response.status_code in (200, 503), path
            continue
        assert response.status_code == 401, (method, path)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        bodies.add(response.data)
    assert len(bodies - {b""}) == 1  # HEAD has none


@pytest.mark.parametrize("path", ["/nope", "/cds-services/nope", "/cds-services/pain/nope", "/", "/%00"])
def test_what_exists_is_told_to_nobody(engine: Any, path: str) -> None:
    """An address that is not served is 401 like any other, and 404 only for who may call (security J15)."""
    client = closed(engine).test_client()
    assert client.post(path, json={}).status_code == 401
    assert client.post(path, json={}, headers={"Authorization": "Bearer known"}).status_code in (400, 404, 405)


def test_without_clients_and_demo_nobody_may_call(engine: Any, log: Log) -> None:
    """An application made without saying who may call answers nobody but probes and discovery (security J14, F2)."""
    client = create_app(engine, Settings()).test_client()
    response = client.post("/cds-services/pain", json={}, headers={"Authorization": "Bearer known"})
    assert (response.status_code, log[0]["reason"]) == (401, "no-client")
    assert client.get("/livez").status_code == 200
    assert client.get("/cds-services").status_code == 200


@pytest.mark.parametrize(("is_open", "status"), [(True, 200), (False, 401)])
def test_discovery_is_open_or_closed_by_a_setting(engine: Any, is_open: bool, status: int) -> None:
    """Discovery needs a token where the site says so (A14, L9)."""
    authenticator = Known()
    client = create_app(engine, Settings(open_discovery=is_open), authenticator).test_client()
    for path in ("/cds-services", "/openapi.json"):
        assert client.get(path).status_code == status
    answer = client.get("/cds-services", headers={"Authorization": "Bearer known"})
    assert answer.status_code == 200
    assert authenticator.paths == ([] if is_open else ["/cds-services", "/openapi.json", "/cds-services"])


def test_a_client_of_some_services_has_nothing_else(engine: Any) -> None:
    """A client that is registered for some services gets nothing beside them: 403 (D2, security J15)."""
    known = Known()
    known.client = Client(id="small", issuer="i", tenant="t", services=frozenset({"pain"}))
    app = create_app(engine, Settings(), known)
    client = app.test_client()
    for endpoint, method, path in addresses(app):
        status = client.open(path, method=method, headers={"Authorization": "Bearer known"}).status_code
        assert (status == 403) == (ACCESS[endpoint] is Access.CLIENT), (method, path)
    assert client.get("/nope", headers={"Authorization": "Bearer known"}).status_code == 404


def test_a_preflight_needs_no_token(engine: Any) -> None:
    """Browsers send none with it; no route answers OPTIONS itself (F14)."""
    app = closed(engine)
    for rule in app.url_map.iter_rules():
        assert rule.provide_automatic_options
    client = app.test_client()
    for _, _, path in addresses(app):
        assert client.options(path).status_code == 200


@pytest.fixture
def for_operators(engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FlaskClient:
    """A site where /version is for operators."""
    monkeypatch.setitem(ACCESS, "system.versions", Access.OPERATOR)
    (tmp_path / "token").write_text(TOKEN + "\n")
    return closed(engine, operator_token_file=tmp_path / "token").test_client()


@pytest.mark.parametrize(
    "sent",
    [None, "", TOKEN, "Bearer", "Bearer ", "Bearer known", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer \xff"],
)
def test_operators_have_a_token_of_their_own(for_operators: FlaskClient, sent: str | None) -> None:
    """A client's token, or none, opens no route of operators (security J15)."""
    headers = {} if sent is None else {"Authorization": sent}
    assert for_operators.get("/version", headers=headers).status_code == 401
    assert for_operators.get("/version", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    assert for_operators.get("/cds-services", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401


def test_without_a_token_of_operators_there_are_none(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their routes are closed unless a token is set; in demo mode anyone on this machine is one."""
    monkeypatch.setitem(ACCESS, "system.versions", Access.OPERATOR)
    assert closed(engine).test_client().get("/version", headers={"Authorization": "Bearer "}).status_code == 401
    assert create_app(engine, Settings(demo=True)).test_client().get("/version").status_code == 200


@pytest.mark.parametrize(("text", "sentence"), [("x" * 31 + "\n", "shorter than 32"), (None, "cannot read")])
def test_a_weak_token_of_operators_is_refused(engine: Any, tmp_path: Path, text: str | None, sentence: str) -> None:
    """A missing or weak secret stops start-up (security A7)."""
    if text:
        (tmp_path / "token").write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        closed(engine, operator_token_file=tmp_path / "token")


@pytest.mark.parametrize(
    ("origin", "preflight", "refused", "known"),
    [
        ("https://ehr.example", True, True, True),
        ("https://other.example", True, True, False),
        ("https://site.example", True, True, True),
        ("https://evil.example", False, False, False),
        ("null", False, False, False),
    ],
)
def test_pages_call_for_their_own_client(engine: Any, origin: str, preflight: bool, refused: bool, known: bool) -> None:
    """A page of a client's origin may send calls and read refusals, and may read the cards of that client only; the
    origins of the site may read all (F14)."""
    client = closed(engine, cors_origins=("https://site.example",)).test_client()
    sent = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    token = {"Origin": origin, "Authorization": "Bearer known"}
    answers = [
        client.options("/cds-services/pain", headers=sent),
        client.post("/cds-services/pain", json={}, headers={"Origin": origin}),
        client.post("/cds-services/pain", json={}, headers=token),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 400]
    allowed = [answer.headers.get("Access-Control-Allow-Origin") for answer in answers]
    assert allowed == [origin if may else None for may in (preflight, refused, known)]
    assert all("Origin" in answer.headers["Vary"] for answer in answers)
