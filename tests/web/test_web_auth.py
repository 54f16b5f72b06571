"""Tokens over HTTP: one answer for all refusals, nothing of a token in the log, and no header that is our failure."""

from __future__ import annotations

import base64
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from token_support import BASE, ISSUER, JKU, NOW, PATH, claims, client, encoded, header, rsa, signed, token
from werkzeug.test import TestResponse

from cds.auth import Authenticator
from cds.clients import Clients
from cds.config import Settings
from cds.errors import StorageError
from cds.key_sets import KeySets
from cds.metrics import Metrics
from cds.outbound import LOOPBACK, Outbound
from cds.web import create_app

CALL = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1"}}
Log = list[MutableMapping[str, Any]]


class Replays:
    """Remembers tokens in memory; `down`, it cannot."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()
        self.down = False

    def first_use(self, issuer: str, jti: str, _expires: float) -> bool:
        if self.down:
            raise StorageError("down")
        known = len(self.seen)
        self.seen.add((issuer, jti))
        return len(self.seen) > known


@pytest.fixture
def replays() -> Replays:
    return Replays()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def site(engine: Any, replays: Replays, metrics: Metrics) -> FlaskClient:
    """A site with three clients: one with keys, one whose keys cannot be had, one with tenants."""
    lost = client(
        id="lost", issuer="https://lost.example", keys=(), jku="http://127.0.0.1:1/jwks.json", networks=LOOPBACK
    )
    group = client(id="group", issuer="https://group.example", tenants=frozenset({"north"}))
    clients = Clients({one.issuer: one for one in (client(jku=JKU), lost, group)})
    authenticator = Authenticator(clients, BASE, KeySets(clients, Outbound()), replays, clock=lambda: NOW)
    return create_app(engine, Settings(), authenticator, metrics=metrics).test_client()


def post(site: FlaskClient, authorization: str | None, path: str = PATH, **headers: str) -> TestResponse:
    sent = headers if authorization is None else {**headers, "Authorization": authorization}
    return site.post(path, json=CALL, headers=sent)


def test_a_client_that_calls_too_often_is_429(engine: Any, replays: Replays, metrics: Metrics, log: Log) -> None:
    """security R2, D2, D3: beyond its rate a client is told when to come back, on every route; its token was not used,
    nothing is asked of the database, and it is counted. Another client notices nothing."""
    page = "https://ehr.example"
    noisy, calm = client(rate=3, origins=frozenset({page})), client(id="calm", issuer="https://calm.example", rate=3)
    clients = Clients({one.issuer: one for one in (noisy, calm)})
    authenticator = Authenticator(clients, BASE, KeySets(clients, Outbound()), replays, clock=lambda: NOW)
    site = create_app(engine, Settings(), authenticator, metrics=metrics).test_client()
    answers = [post(site, token(jti=f"token-{number}"), Origin=page) for number in range(20)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert {answer.status_code for answer in answers[10:]} <= {200, 429}
    [refused, *more] = [answer for answer in answers if answer.status_code == 429]
    assert len(more) >= 10
    assert len(replays.seen) == 20 - 1 - len(more)
    assert (refused.headers["Retry-After"], refused.get_json()["issue"][0]["code"]) == ("1", "throttled")
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
    assert refused.get_json()["resourceType"] == "OperationOutcome"
    assert f'cds_throttled_calls_total{{client="ehr"}} {1 + len(more)}.0' in metrics.exposition().decode()
    assert {(line["client"], line["event"]) for line in log if line.get("status") == 429} == {("ehr", "call")}
    forged = post(site, token(rsa("rsa-2"), jti="other", iss="https://calm.example"))
    assert forged.status_code == 401
    others = [token(jti=f"calm-{number}", iss="https://calm.example") for number in range(3)]
    assert [post(site, one).status_code for one in others] == [200] * 3


BAD = {
    "none": None,
    "basic": "Basic YTpi",
    "unsigned": f"Bearer {encoded(header(alg='none')).decode()}.{encoded(claims()).decode()}.",
    "stranger": token(iss="https://nobody.example"),
    "forged": token(rsa("rsa-2")),
    "unknown key": token(head={"kid": "x"}),
    "unlisted jku": token(head={"jku": "https://evil.example/jwks.json"}),
    "expired": token(exp=NOW - 61, iat=NOW - 300),
    "base url": token(aud=BASE),
    "crit": token(head={"crit": ["x"]}),
    "weak": token(jti=""),
}


def test_a_good_token_is_answered_once(site: FlaskClient) -> None:
    """The first use is 200, the second the same 401 as any other (J9, D4)."""
    once = token()
    assert post(site, once).status_code == 200
    again = post(site, once)
    assert (again.status_code, again.data) == (401, post(site, None).data)


def test_all_refusals_are_one_answer(site: FlaskClient) -> None:
    """Status, body and headers of every 401 are equal but for the id of the call; the challenge names no reason (D4,
    F13)."""
    answers = set()
    for authorization in BAD.values():
        response = post(site, authorization)
        headers = {name: value for name, value in response.headers if name != "X-Request-Id"}
        assert headers["WWW-Authenticate"] == "Bearer"
        answers.add((response.status_code, response.data, json.dumps(headers)))
    assert len(answers) == 1
    [(status, body, _)] = answers
    assert (status, json.loads(body)["resourceType"]) == (401, "OperationOutcome")


def test_every_refusal_is_logged_and_counted_with_its_reason(site: FlaskClient, log: Log, metrics: Metrics) -> None:
    """Operators see why, callers do not (D4, F13)."""
    for authorization in BAD.values():
        post(site, authorization)
    told = [line["reason"] for line in log if line["event"] == "unauthenticated"]
    assert told == [
        *("no-token", "malformed", "algorithm", "issuer", "signature", "key", "jku"),
        *("expired", "audience", "header", "jti"),
    ]
    assert b'cds_authentication_refusals_total{reason="audience"} 1.0' in metrics.exposition()


def test_nothing_of_a_token_is_logged(site: FlaskClient, log: Log) -> None:
    """Of good and bad tokens logs hold `iss`, `tenant` and `jti`; no token, no other claim, no part of it (F13,
    security A2)."""
    secret = {"fhirUser": "Zebra-1", "sub": "Zebra-2"}
    texts = [token(**secret), token(rsa("rsa-2"), **secret), token(aud="Zebra-3"), token(head={"kid": "Zebra-4"})]
    for text in texts:
        post(site, text)
    seen = json.dumps(log)
    assert "Zebra" not in seen
    for part in {part for text in texts for part in text.removeprefix("Bearer ").split(".")}:
        assert part not in seen
    call = next(line for line in log if line["event"] == "call")
    assert (call["iss"], call["tenant"], call["jti"]) == (ISSUER, "ehr", "token-0001")


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Url"])
def test_no_header_moves_the_address(site: FlaskClient, name: str) -> None:
    """`aud` is compared with the configured address, whatever a proxy or an attacker says it is (F1, F7)."""
    assert post(site, token(aud="http://evil.example" + PATH), **{name: "evil.example"}).status_code == 401
    assert post(site, token(), **{name: "evil.example"}).status_code == 200


def test_a_doubled_slash_is_the_same_address(site: FlaskClient) -> None:
    """The sandbox calls `//` when it was given the base URL with a slash, and signs for that (J)."""
    double = "/cds-services//pain"
    assert post(site, token(aud=BASE + double), path=double).status_code == 200


def test_what_cannot_be_checked_is_503(site: FlaskClient, replays: Replays) -> None:
    """Keys that cannot be had, or a database that is down, are no reason for 401; the client is to try again (J9,
    J11)."""
    for attempt in range(2):
        replays.down = attempt == 1
        response = post(site, token() if replays.down else token(iss="https://lost.example"))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert json.loads(response.data)["issue"][0]["code"] == "transient"


def test_a_tenant_that_is_not_registered_is_403(site: FlaskClient) -> None:
    """A client that is known learns that its tenant is not (D2, F12)."""
    assert post(site, token(iss="https://group.example", tenant="north")).status_code == 200
    for tenant in ("west", None):
        response = post(site, token(iss="https://group.example", tenant=tenant, jti="2"))
        assert (response.status_code, json.loads(response.data)["issue"][0]["code"]) == (403, "forbidden")


def test_a_large_header_is_refused_unread(site: FlaskClient) -> None:
    """A header beyond 8 KB is 401 before anything of it is parsed (security section 1)."""
    assert post(site, token(padding="x" * 9000)).status_code == 401
    assert post(site, token(padding="x" * 4000)).status_code == 200


TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
SEGMENTS = st.binary(max_size=30).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
HEADER = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jku", "crit", "b64", "x5u", "jwk", "zip"]), JSON)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti", "sub", "tenant", "cnf"]), JSON)
TOKENS = (
    TEXT
    | TEXT.map(lambda text: f"Bearer {text}")
    | st.lists(SEGMENTS, max_size=5).map(lambda parts: "Bearer " + ".".join(parts))
    | st.tuples(HEADER, CLAIMS).map(
        lambda both: signed({**header(), **both[0]}, json.dumps({**claims(), **both[1]}).encode(), algorithm="RS384")
    )
)
PATHS = st.sampled_from(
    [PATH, PATH + "/", "/cds-services", "/cds-services/nope", "/metrics", "/nope", PATH + "/feedback"]
)


@pytest.mark.slow
@given(authorization=TOKENS, origin=TEXT, host=st.sampled_from(["", "x", "[", "a:b", "x" * 300]), path=PATHS)
def test_no_header_is_our_failure(site: FlaskClient, authorization: str, origin: str, host: str, path: str) -> None:
    """Whatever comes as token, origin or host: never a 5xx, and no cards but for a good token (security J1-J8)."""
    response = site.post(path, data=b"{", headers={"Origin": origin, "Authorization": authorization, "Host": host})
    assert response.status_code in (400, 401, 403, 404, 405, 415)
