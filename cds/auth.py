"""Tells who calls by the token of the call: a JWT that a registered client signed for this one address, once
(cds-hooks.md F3-F13, security.md section 1).

Checked in this order: size, form, header, issuer, key, signature, claims, tenant, rate, first use. Until the signature
is verified nothing of a token is believed; it only says whose keys to look up.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeGuard

import orjson
import structlog
from joserfc.util import urlsafe_b64decode

from cds.clients import Caller, Client, Clients
from cds.errors import Issue, RequestError, ThrottledError, UnauthenticatedError
from cds.keys import Verifier, decoy
from cds.rates import Bucket

MAX_HEADER = 8192
#: Seconds that clocks may differ.
LEEWAY = 60
_LONGEST_ID = 255
_MAX_HEADERS = 1000
_SLASHES = re.compile(r"(?<![:/])/{2,}")
_log = structlog.get_logger("cds.auth")


class KeySource(Protocol):
    """Knows the keys of clients."""

    def verifier(self, client: Client, kid: str, algorithm: str) -> Verifier | None:
        """The client's key of that id, if it is for that algorithm. Raises RequestError (503) when its keys cannot be
        had."""
        ...


class ReplayStore(Protocol):
    """Remembers tokens, for all processes."""

    def first_use(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether the token is seen for the first time; it is remembered until `expires`, in seconds since 1970."""
        ...


class _Header(NamedTuple):
    algorithm: str
    kid: str
    jku: str | None


class _Token(NamedTuple):
    encoded_header: bytes
    header: _Header
    signed: bytes
    signature: bytes
    claims: Mapping[str, Any]


class Authenticator:
    """The tokens of registered clients. For any number of threads."""

    def __init__(
        self,
        clients: Clients,
        base: str,
        keys: KeySource,
        replays: ReplayStore,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`base` is the URL under which clients reach the service, which tokens are made out to."""
        self._clients = clients.by_issuer
        self._base = base.rstrip("/")
        self._keys = keys
        self._replays = replays
        self._clock = clock
        self._buckets = {client.issuer: Bucket(client.rate) for client in clients.by_issuer.values()}
        self._algorithms = frozenset().union(*(client.algorithms for client in clients.by_issuer.values()))
        self.origins = frozenset().union(*(client.origins for client in clients.by_issuer.values()))
        # A client's tokens have one and the same header; what is kept here was part of a token that verified.
        self._headers: dict[bytes, _Header] = {}

    def caller(self, authorization: str | None, path: str) -> Caller:
        """The client and tenant whose token comes with a call of the address at `path`.

        Raises UnauthenticatedError (401), and RequestError: 403 for a tenant that the client is not registered for, 429
        for a client that calls too often, 503 when the client's keys cannot be had. What the store raises when it
        cannot tell comes through."""
        token = self._parse(_bearer(authorization))
        client = self._clients.get(_text(token.claims, "iss") or "")
        if client is None:
            raise self._after_decoy(token, "issuer", iss=_shown(token.claims.get("iss")))
        self._verify(token, client)
        known = {"iss": client.issuer, "jti": _shown(token.claims.get("jti"))}
        reason = self._objection(token.claims, client, path)
        if reason:
            raise UnauthenticatedError(reason, **known)
        caller = _caller(client, token.claims, known)
        # Before the token is used, which the database would have to be asked about: it can be sent again later.
        if wait := self._buckets[client.issuer].take():
            raise ThrottledError(client.id, wait)
        if not self._replays.first_use(client.issuer, token.claims["jti"], token.claims["exp"] + LEEWAY):
            raise UnauthenticatedError("replayed", **known)
        return caller

    def _parse(self, text: bytes) -> _Token:
        parts = text.split(b".")
        if len(parts) != 3:
            raise UnauthenticatedError("malformed")
        try:
            header = self._headers.get(parts[0]) or _read_header(orjson.loads(urlsafe_b64decode(parts[0])))
            claims = orjson.loads(urlsafe_b64decode(parts[1]))
            signature = urlsafe_b64decode(parts[2])
        except ValueError:
            raise UnauthenticatedError("malformed") from None
        if not isinstance(claims, dict):
            raise UnauthenticatedError("malformed")
        return _Token(parts[0], header, text[: -len(parts[2]) - 1], signature, claims)

    def _verify(self, token: _Token, client: Client) -> None:
        """Raises UnauthenticatedError unless one of the client's keys made the signature."""
        header = token.header
        if header.algorithm not in client.algorithms:
            raise self._after_decoy(token, "algorithm", iss=client.issuer)
        if header.jku is not None and header.jku != client.jku:
            raise self._after_decoy(token, "jku", iss=client.issuer)
        verifier = self._keys.verifier(client, header.kid, header.algorithm)
        if verifier is None:
            raise self._after_decoy(token, "key", iss=client.issuer)
        if not verifier.verify(token.signed, token.signature):
            raise UnauthenticatedError("signature", iss=client.issuer)
        if len(self._headers) < _MAX_HEADERS:
            self._headers[token.encoded_header] = header

    def _objection(self, claims: Mapping[str, Any], client: Client, path: str) -> str | None:
        """Why the claims do not count here and now, as a word; None when they do (J7, J8)."""
        expires, issued, begins = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
        if not (_is_time(expires) and _is_time(issued) and _is_time(begins)):
            return "times"
        now = self._clock()
        if now >= expires + LEEWAY:
            return "expired"
        if max(issued, begins) > now + LEEWAY:
            return "not-yet-valid"
        if not 0 < expires - issued <= client.max_life:
            return "life"
        token_id = _text(claims, "jti")
        if not token_id or len(token_id) > _LONGEST_ID or not token_id.isprintable():
            return "jti"
        if not self._is_for(claims.get("aud"), client, path):
            return "audience"
        if client.sub is not None and claims.get("sub") != client.sub:
            return "sub"
        return None

    def _is_for(self, audience: Any, client: Client, path: str) -> bool:
        """Whether `aud` names the address that was called, or what the site agreed with the client (F7, L8)."""
        called = self._base + path.rstrip("/")
        if audience == called:
            return True
        named = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        if not all(isinstance(one, str) for one in named):
            return False
        allowed = {called}
        if path.startswith("/cds-services/") and path.count("/") > 2:
            allowed.add(called.removesuffix("/feedback"))
        return any(one in client.audiences or _SLASHES.sub("/", one).rstrip("/") in allowed for one in named)

    def _after_decoy(self, token: _Token, reason: str, iss: str | None) -> UnauthenticatedError:
        """The refusal of a token whose signature was not looked at, after the time that it takes to look at one:
        whether an issuer, a key or an algorithm is known cannot be told by the clock."""
        algorithm = token.header.algorithm
        decoy(algorithm if algorithm in self._algorithms else "RS384").verify(token.signed, token.signature)
        return UnauthenticatedError(reason, iss=iss)


def _bearer(authorization: str | None) -> bytes:
    if authorization is None:
        raise UnauthenticatedError("no-token")
    if len(authorization) > MAX_HEADER:
        raise UnauthenticatedError("too-long")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.isascii():
        raise UnauthenticatedError("malformed")
    return token.strip().encode("ascii")


def _read_header(value: Any) -> _Header:
    """The header of a token. Members that bring keys of their own are not looked at (J5). Raises UnauthenticatedError
    for one that lacks a member (F4), or asks for extensions (J4)."""
    if not isinstance(value, dict) or "crit" in value or "b64" in value or _text(value, "typ") != "JWT":
        raise UnauthenticatedError("header")
    algorithm, kid, jku = _text(value, "alg"), value.get("kid", ""), value.get("jku")
    if not algorithm or not isinstance(kid, str) or not (jku is None or isinstance(jku, str)):
        raise UnauthenticatedError("header")
    return _Header(algorithm, kid, jku)


def _caller(client: Client, claims: Mapping[str, Any], known: Mapping[str, str | None]) -> Caller:
    """The caller, of the tenant that the token names; a client without tenants is one itself. Raises RequestError for a
    tenant that is not the client's (F12, J13)."""
    tenant = claims.get("tenant")
    if tenant is None and not client.tenants:
        return Caller(client, client.tenant, claims["jti"])
    if isinstance(tenant, str) and tenant in client.tenants:
        return Caller(client, f"{client.tenant}/{tenant}", claims["jti"])
    _log.warning("forbidden", reason="tenant", tenant=_shown(tenant), **known)
    raise RequestError(403, Issue("forbidden", "This client is not registered for this tenant"))


def _is_time(value: Any) -> TypeGuard[float]:
    """Whether it is a NumericDate of our era: a number, no bool, not negative."""
    return type(value) in (int, float) and 0 <= value < 1e11


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) else None


def _shown(value: Any) -> str | None:
    """A claim as it may be logged."""
    return value[:_LONGEST_ID] if isinstance(value, str) and value.isprintable() else None
