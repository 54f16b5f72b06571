"""Who calls, by the token of the call: each way in which a token is not one that counts."""

from __future__ import annotations

import base64
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey
from structlog.testing import capture_logs
from token_support import (
    BASE,
    ISSUER,
    JKU,
    NOW,
    PATH,
    claims,
    client,
    curve,
    edwards,
    encoded,
    header,
    public,
    rsa,
    signed,
    token,
)

from cds.auth import MAX_HEADER, Authenticator
from cds.clients import Caller, Client, Clients
from cds.errors import RequestError, StorageError, UnauthenticatedError
from cds.key_sets import KeySets
from cds.outbound import Outbound


@dataclass
class Replays:
    """Remembers tokens in memory, until when."""

    seen: dict[tuple[str, str], float] = field(default_factory=dict)

    def first_use(self, issuer: str, jti: str, expires: float) -> bool:
        return self.seen.setdefault((issuer, jti), expires) is expires


class NoNetwork(Outbound):
    """Fails the test that makes a request."""

    def get(self, url: str, **_: Any) -> Any:
        raise AssertionError(f"a request to {url}")


def site(
    *clients: Client, clock: Callable[[], float] = lambda: NOW, replays: Any = None, outbound: Outbound | None = None
) -> Authenticator:
    known = Clients({one.issuer: one for one in clients or (client(),)})
    return Authenticator(known, BASE, KeySets(known, outbound or NoNetwork()), replays or Replays(), clock=clock)


def caller(authorization: str | None, *clients: Client, path: str = PATH, now: float = NOW) -> Caller:
    return site(*clients, clock=lambda: now).caller(authorization, path)


def refusal(authorization: str | None, *clients: Client, path: str = PATH, now: float = NOW) -> str:
    """The reason for which a token is refused."""
    with pytest.raises(UnauthenticatedError) as caught:
        caller(authorization, *clients, path=path, now=now)
    assert caught.value.status == 401
    return caught.value.reason


@pytest.fixture
def log() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def test_a_good_token_names_its_client() -> None:
    """A token of a registered issuer, for this address, is its client's; so is one for several addresses (F3-F7)."""
    for audience in (BASE + PATH, [BASE + PATH], ["https://other.example", BASE + PATH + "/"]):
        found = caller(token(aud=audience))
        assert (found.client.id, found.tenant, found.token_id) == ("ehr", "ehr", "token-0001")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    """`Bearer` is a word of HTTP, which has no case (F3)."""
    assert caller(token().replace("Bearer", scheme)).client.id == "ehr"


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "no-token"),
        ("", "malformed"),
        ("Bearer", "malformed"),
        ("Bearer ", "malformed"),
        ("Bearer a.b", "malformed"),
        ("Bearer a.b.c.d", "malformed"),
        ("Bearer ..", "malformed"),
        ("Bearer \u00e4.\u00e4.\u00e4", "malformed"),
        ("Basic YTpi", "malformed"),
        ("Bearer " + "x" * MAX_HEADER, "too-long"),
    ],
)
def test_what_is_no_token_is_refused(authorization: str | None, reason: str) -> None:
    """No header, another scheme, or no three parts (F3)."""
    assert refusal(authorization) == reason


def test_a_token_has_three_parts_after_its_scheme() -> None:
    """A good token with a part more or less, or under another scheme, is none (F3)."""
    for text in (token() + ".AAAA", token().rpartition(".")[0], token().replace("Bearer", "Basic"), token()[7:]):
        assert refusal(text) == "malformed"


@pytest.mark.parametrize("value", [[], [claims()], "x", 7, None, True])
def test_header_and_claims_are_objects(value: Any) -> None:
    """Another JSON value in their place, well signed, is refused (F4, F6)."""
    assert refusal(signed(header(), json.dumps(value).encode())) == "malformed"
    assert refusal(signed(json.dumps(value).encode(), claims())) == "header"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_unsigned_tokens_are_refused(algorithm: str, signature: str) -> None:
    """`alg: none` in any case, with or without a signature (J1, F5)."""
    head, body = encoded(header(alg=algorithm)).decode(), encoded(claims()).decode()
    assert refusal(f"Bearer {head}.{body}.{signature}") in ("algorithm", "malformed")


def test_a_token_without_its_signature_is_refused() -> None:
    """The third part taken away (J1)."""
    assert refusal(token().rpartition(".")[0] + ".") == "signature"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_secret(algorithm: str) -> None:
    """A token signed with the text of the public key as HMAC secret is refused (J2, F5)."""
    texts = [rsa().as_pem(private=False), json.dumps(public(rsa())).encode(), public(rsa())["n"].encode()]
    for text in texts:
        forged = signed(header(alg=algorithm), claims(), OctKey.import_key(base64.b64encode(text)), algorithm)
        assert refusal(forged) == "algorithm"


def test_secrets_are_for_clients_that_have_one() -> None:
    """HS* is for a client with a secret, and it takes nothing else (J2)."""
    secret = b"0123456789abcdef" * 4
    shared = client(keys=(), secret=secret, algorithms=frozenset({"HS256"}))
    key = OctKey.import_key(secret)
    for head in (header(alg="HS256", kid=None), header(alg="HS256", kid="x")):
        assert caller(signed(head, claims(), key), shared).client.id == "ehr"
    assert refusal(signed(header(alg="HS256"), claims(), OctKey.import_key(secret[1:])), shared) == "signature"
    assert refusal(signed(header(alg="HS512"), claims(), key), shared) == "algorithm"
    assert refusal(token(), shared) == "algorithm"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((name, rsa()) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("ES256", curve("k", "P-256")),
        ("ES384", curve("k", "P-384")),
        ("ES512", curve("k", "P-521")),
        ("EdDSA", edwards()),
    ],
)
def test_algorithms_are_those_that_the_client_is_registered_for(algorithm: str, key: Any) -> None:
    """RS384 and ES384 unless the registration says otherwise (J2, F5)."""
    text = signed(header(alg=algorithm, kid=key.kid), claims(), key)
    own = type(key).import_key(public(key))
    allowed = client(keys=(own,), algorithms=frozenset({algorithm}))
    assert caller(text, allowed).client.id == "ehr"
    if algorithm not in ("RS384", "ES384"):
        assert refusal(text, client(keys=(own,))) == "algorithm"


def test_a_key_is_for_its_own_algorithm() -> None:
    """A JWK that says RS512, or is of another kind, is no key for RS384 (J3)."""
    own = client(keys=(RSAKey.import_key(public(rsa(), alg="RS512")),))
    assert refusal(token(), own) == "key"
    assert refusal(token(head={"kid": "ec-1"})) == "key"
    assert refusal(signed(header(alg="ES384", kid="rsa-1"), claims(), curve())) == "key"


@pytest.mark.parametrize("extra", [{"crit": ["x"]}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"crit": []}])
def test_extensions_are_not_understood(extra: dict[str, Any]) -> None:
    """`crit`, and `b64`, are refused (J4)."""
    assert refusal(token(head=extra)) == "header"


def test_keys_in_the_header_are_ignored() -> None:
    """A token that brings its own key is verified with ours; nothing is fetched (J5, F8)."""
    own = rsa("rsa-2")
    brought = {"jwk": public(own), "x5c": ["MIIB"], "x5u": "https://evil.example/cert"}
    assert refusal(signed(header(**brought), claims(), own)) == "signature"
    assert caller(token(head=brought)).client.id == "ehr"


@pytest.mark.parametrize(
    "jku",
    [
        "http://127.0.0.1:9/jwks.json",
        JKU.replace("https://", "https://good@"),
        JKU.replace("ehr.example", "ehr.example@evil.example"),
        JKU.replace("ehr.example", "ehr.example.evil"),
        JKU.replace("ehr.example", "ehr.example."),
        JKU.replace("ehr.example", "EHR.example"),
        JKU.replace("ehr.example", "ehr.example:444"),
        JKU.replace("https", "http"),
        JKU.replace("/.well-known", "/x/../.well-known"),
        JKU + "?",
        "https://ehr.example/redirect?to=https://evil.example/jwks.json",
        "",
    ],
)
def test_a_jku_that_is_not_registered_is_refused_without_a_request(jku: str) -> None:
    """The whole URL is compared, exactly, and nothing is fetched, whether keys are published or pinned (J6, F8)."""
    for registered in (client(keys=(), jku=JKU), client(jku=JKU), client()):
        assert refusal(token(head={"jku": jku}), registered) == "jku"


def test_a_registered_jku_may_be_said() -> None:
    """A token may name the registered address of its keys or none; with keys registered nothing is fetched (F8)."""
    for head in ({"jku": JKU}, {}):
        assert caller(token(head=head), client(jku=JKU)).client.id == "ehr"


@pytest.mark.parametrize(
    "audience",
    [
        BASE,
        BASE + "/",
        BASE + "/cds-services",
        BASE + "/cds-services/other",
        BASE + PATH + "/feedback",
        BASE.replace("https", "http") + PATH,
        BASE.upper() + PATH,
        BASE + ".evil.example" + PATH,
        BASE + PATH + "?x",
        "pain",
        "",
        [],
        [BASE, "x"],
        [BASE + PATH, 1],
        {"url": BASE + PATH},
        7,
        None,
    ],
)
def test_a_token_for_another_address_is_refused(audience: Any) -> None:
    """`aud` is the address that is called, or one of a list (J7, F6, F7)."""
    assert refusal(token(aud=audience)) == "audience"


@pytest.mark.parametrize(
    ("path", "audience"),
    [
        (PATH, PATH + "/"),
        (PATH, "/cds-services//pain"),
        (PATH + "/", PATH),
        ("/cds-services", "/cds-services"),
        (PATH + "/feedback", PATH + "/feedback"),
        (PATH + "/feedback", PATH),
    ],
)
def test_a_closing_slash_and_the_service_of_feedback_make_no_difference(path: str, audience: str) -> None:
    """The sandbox doubles a slash (J); feedback may be made out to its service (L8, E8); discovery has its own address
    (A14)."""
    assert caller(token(aud=BASE + audience), path=path).client.id == "ehr"


def test_the_service_of_feedback_is_no_other_address() -> None:
    """A token for discovery gives no feedback, also to a service that is called `feedback` (J7, L8)."""
    for path in (PATH + "/feedback", "/cds-services/feedback"):
        assert refusal(token(aud=BASE + "/cds-services"), path=path) == "audience"


def test_an_audience_agreed_with_the_client_counts() -> None:
    """What a site fixed by hand, such as the base URL, counts for that client only (J7; Epic)."""
    agreed = client(audiences=frozenset({BASE, "pathway"}))
    for audience in (BASE, "pathway", ["pathway"]):
        assert caller(token(aud=audience), agreed).client.id == "ehr"
        assert refusal(token(aud=audience)) == "audience"


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "jti"])
def test_required_claims_are_required(name: str) -> None:
    """Each of them missing, null or empty (J8, F6)."""
    assert refusal(token(**{name: None}))
    assert refusal(signed(header(), {**claims(), name: None}))
    assert refusal(token(**{name: ""}))


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_required_members_of_the_header_are_required(name: str) -> None:
    """Each of them missing, or no text (F4)."""
    for value in (None, 7, "", ["RS384"]):
        assert refusal(signed(header(**{name: value}), claims(), algorithm="RS384"))


@pytest.mark.parametrize(("offset", "good"), [(-59, True), (-60, False), (-61, False), (0, True)])
def test_tokens_expire_a_minute_late(offset: int, good: bool) -> None:
    """Clocks may differ by 60 seconds (J8, F10)."""
    text = token(exp=NOW + offset, iat=NOW - 300)
    assert caller(text) if good else refusal(text) == "expired"


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(("offset", "good"), [(59, True), (60, True), (61, False)])
def test_tokens_of_the_future_are_refused(name: str, offset: int, good: bool) -> None:
    """Issued or valid from later than a minute from now (J8, F10)."""
    text = token(**{name: NOW + offset, "exp": NOW + 300})
    assert caller(text) if good else refusal(text) == "not-yet-valid"


def test_epic_begins_before_it_issues() -> None:
    """`nbf` five minutes before `iat` and `exp` fifteen after, with a `sub` that was fixed by hand (J, F6)."""
    epic = client(sub="epic-prd", max_life=900)
    assert caller(token(sub="epic-prd", nbf=NOW - 300, exp=NOW + 900), epic).client.id == "ehr"
    assert caller(token(sub="epic-prd")).client.id == "ehr"
    for sub in ("epic-tst", None, 7):
        assert refusal(token(sub=sub), epic) == "sub"


@pytest.mark.parametrize(("life", "good"), [(3600, True), (3601, False), (10 * 365 * 86400, False), (0, False)])
def test_long_lives_are_refused(life: int, good: bool) -> None:
    """`exp` is at most an hour after `iat`, unless the client may more (J8, F10)."""
    text = token(exp=NOW + life)
    assert caller(text) if good else refusal(text) == "life"
    if life > 3600:
        assert caller(text, client(max_life=life)).client.id == "ehr"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["1800000300", "x", True, -1, 1e300, [NOW], {}, 2**64, 1e11])
def test_times_are_numbers(name: str, value: Any) -> None:
    """A text, a bool, a negative or absurd number is no time (J8)."""
    assert refusal(token(**{name: value}))


@pytest.mark.parametrize("number", ["1e400", "NaN", "Infinity", "1" + "0" * 400])
def test_times_are_finite(number: str) -> None:
    """What is no finite number does not parse, or is no time (J8)."""
    body = orjson.dumps(claims(exp=4711)).replace(b"4711", number.encode())
    assert refusal(signed(header(), body)) in ("malformed", "times")


def test_fractions_of_seconds_are_fine() -> None:
    """NumericDate may have a fraction (RFC 7519)."""
    assert caller(token(exp=NOW + 299.5, iat=NOW - 0.5)).client.id == "ehr"


@pytest.mark.parametrize("jti", ["", "x" * 256, "a\x00b", "a\nb", 7, True, ["a"]])
def test_odd_token_ids_are_refused(jti: Any) -> None:
    """`jti` is a short printable text: it is stored and logged (J8, J9)."""
    assert refusal(token(jti=jti)) == "jti"
    assert caller(token(jti="x" * 255)).token_id == "x" * 255


def test_a_token_counts_once() -> None:
    """The second use is refused; the same id of another issuer is another token; it is remembered for as long as it
    could be used again (J9, F11)."""
    replays = Replays()
    other = client(id="other", issuer="https://other.example", tenant="other")
    here = site(client(), other, replays=replays)
    assert here.caller(token(), PATH).client.id == "ehr"
    for _ in range(2):
        with pytest.raises(UnauthenticatedError, match="token"):
            here.caller(token(), PATH)
    assert here.caller(token(iss="https://other.example"), PATH).client.id == "other"
    assert replays.seen == {
        (ISSUER, "token-0001"): NOW + 360,
        ("https://other.example", "token-0001"): NOW + 360,
    }


@pytest.mark.parametrize("changes", [{"aud": BASE}, {"exp": NOW - 100}, {"iss": "https://nobody.example"}])
def test_only_good_tokens_are_remembered(changes: dict[str, Any]) -> None:
    """What is refused costs no row, so nobody can use up another's tokens or fill the store (F11)."""
    replays = Replays()
    for text in (token(**changes), token(rsa("rsa-2"))):
        with pytest.raises(UnauthenticatedError):
            site(replays=replays).caller(text, PATH)
    assert replays.seen == {}


def test_without_its_store_nothing_is_accepted() -> None:
    """When the database is down a call is neither accepted nor 401: the web layer makes it 503 (J9)."""

    class Down:
        def first_use(self, *_: Any) -> bool:
            raise StorageError("down")

    with pytest.raises(StorageError):
        site(replays=Down()).caller(token(), PATH)


def test_the_issuer_fixes_the_tenant() -> None:
    """A client without tenants is its own; one with tenants names one of them in each token, and another client's
    tenant of the same name is another (F12, J13)."""
    group = client(tenants=frozenset({"north", "south"}))
    other = client(id="b", tenant="b", issuer="https://b.example", tenants=frozenset({"north"}))
    assert caller(token(tenant="north"), group, other).tenant == "ehr/north"
    assert caller(token(tenant="south"), group, other).tenant == "ehr/south"
    assert caller(token(tenant="north", iss="https://b.example"), group, other).tenant == "b/north"
    assert caller(token()).tenant == "ehr"


@pytest.mark.parametrize("tenant", ["west", "North", "", None, 7, ["north"]])
def test_a_tenant_that_is_not_registered_is_403(tenant: Any, log: list[Any]) -> None:
    """The client is known, its tenant is not: 403, told to the log (D2, F12)."""
    with pytest.raises(RequestError) as caught:
        caller(token(tenant=tenant), client(tenants=frozenset({"north"})))
    assert caught.value.status == 403
    assert log[0]["event"] == "forbidden"
    with pytest.raises(RequestError):
        caller(token(tenant="any"), client())


def test_a_stranger_is_refused() -> None:
    """An issuer that nobody registered, or one that differs in a letter (F8)."""
    for issuer in ("https://nobody.example", ISSUER + "/", ISSUER.upper(), 7):
        assert refusal(token(iss=issuer)) == "issuer"


def test_a_signature_of_another_key_is_refused() -> None:
    """Neither another key nor changed claims verify (F9)."""
    assert refusal(token(rsa("rsa-2"))) == "signature"
    assert refusal(signed(header(alg="ES384", kid="ec-1"), claims(), curve("ec-2"))) == "signature"
    head, _, signature = token().split(".")
    assert refusal(f"{head}.{encoded(claims(jti='forged')).decode()}.{signature}") == "signature"


def test_a_key_of_another_client_is_refused() -> None:
    """A client cannot sign in the name of another (J13)."""
    other = client(id="b", issuer="https://b.example", keys=(RSAKey.import_key(public(rsa("rsa-2"), kid="rsa-1")),))
    assert refusal(token(rsa("rsa-2")), client(), other) == "signature"


def test_reasons_hold_nothing_of_the_token_but_its_names(log: list[Any]) -> None:
    """What is told to the log is `iss`, `tenant` and `jti`, cut and printable; never the token or more of it (F13)."""
    texts = [
        token(aud="Zebra", sub="Zebra", fhirUser="Zebra"),
        token(exp=NOW - 500, Zebra="Zebra"),
        token(head={"kid": "Zebra"}),
        token(head={"jku": "https://Zebra"}),
        token(jti="Zebra\n"),
        token(iss="https://Zebra\n"),
    ]
    for text in texts:
        with pytest.raises(UnauthenticatedError) as caught:
            caller(text)
        assert caught.value.details.keys() <= {"iss", "jti"}
        assert "Zebra" not in str(caught.value.details) + str(caught.value) + str(caught.value.as_fhir())
    with pytest.raises(UnauthenticatedError) as caught:
        caller(token(iss="x" * 1000))
    assert caught.value.details == {"iss": "x" * 255}
    assert log == []


def test_all_refusals_are_the_same() -> None:
    """The answer gives no reason (D4)."""
    bodies = set()
    for text in (None, "Bearer x", token(exp=1), token(iss="y"), token(rsa("rsa-2")), token(head={"kid": "x"})):
        with pytest.raises(UnauthenticatedError) as caught:
            caller(text)
        bodies.add(json.dumps(caught.value.as_fhir()))
    assert len(bodies) == 1


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_what_is_known_cannot_be_told_by_the_clock(algorithm: str) -> None:
    """A token of a stranger, of an unknown key and of a forged signature take the time of a signature each: one
    duration class (security section 1)."""
    here = site()
    key, kid = (rsa("rsa-2"), "rsa-1") if algorithm == "RS384" else (curve("ec-2"), "ec-1")
    texts = {
        "signature": signed(header(alg=algorithm, kid=kid), claims(), key),
        "issuer": signed(header(alg=algorithm, kid=kid), claims(iss="https://nobody.example"), key),
        "key": signed(header(alg=algorithm, kid="unknown"), claims(), key),
        "jku": signed(header(alg=algorithm, kid=kid, jku="https://x"), claims(), key),
    }

    def spent(text: str) -> float:
        start = time.process_time()
        for _ in range(20):
            with pytest.raises(UnauthenticatedError):
                here.caller(text, PATH)
        return time.process_time() - start

    for text in texts.values():
        spent(text)
    took = {reason: statistics.median(spent(text) for _ in range(5)) for reason, text in texts.items()}
    assert max(took.values()) < 2 * min(took.values()), took


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti", "sub", "tenant", "alg", "kid", "typ", "jku", "crit"])


@pytest.mark.slow
@given(
    text=st.text(max_size=80)
    | st.binary(max_size=80).map(lambda raw: "Bearer " + raw.decode("latin-1"))
    | st.tuples(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=10)).map(
        lambda parts: "Bearer " + b".".join(map(encoded, parts)).decode()
    )
    | st.tuples(st.dictionaries(NAMES, JSON), st.dictionaries(NAMES, JSON)).map(
        lambda both: signed({**header(), **both[0]}, json.dumps({**claims(), **both[1]}).encode(), algorithm="RS384")
    )
)
def test_no_token_is_our_failure(text: str) -> None:
    """Whatever is sent as a token, well signed or not, is the client's, 401 or 403 (security J1-J8, security B5)."""
    status = 200
    try:
        caller(text, client(tenants=frozenset({"north"})), client(id="b", issuer="b"))
    except RequestError as refused:
        status = refused.status
    assert status in (200, 401, 403)


def test_the_guide_explains_every_reason() -> None:
    """docs/integration.md has a row for each reason of a refusal."""
    root = Path(__file__).resolve().parent.parent
    page = (root / "docs" / "integration.md").read_text()
    rows = set(
        re.findall(r"^\| `([a-z-]+)` \|", page.split("## Why a call is refused")[1].split("##")[0], re.MULTILINE)
    )
    source = (root / "cds" / "auth.py").read_text() + (root / "cds" / "web" / "guard.py").read_text()
    told = r'(?:UnauthenticatedError\(|_after_decoy\(token, |return )"([a-z-]+)"'
    assert set(re.findall(told, source)) == rows
