"""Keys and tokens of a made-up EHR, sound and odd."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from cds.clients import Client

ISSUER = "https://ehr.example/oauth2"
JKU = "https://ehr.example/.well-known/jwks.json"
BASE = "https://cds.example"
PATH = "/cds-services/pain"
NOW = 1_800_000_000


@cache
def rsa(kid: str = "rsa-1", size: int = 2048) -> RSAKey:
    return RSAKey.generate_key(size, {"kid": kid})


@cache
def curve(kid: str = "ec-1", name: str = "P-384") -> ECKey:
    return ECKey.generate_key(name, {"kid": kid})


@cache
def edwards(kid: str = "ed-1") -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def public(key: Key, **members: Any) -> dict[str, Any]:
    """The public JWK of a key."""
    return {**key.as_dict(private=False), **members}


def client(**members: Any) -> Client:
    """An EHR that signs with rsa() or curve()."""
    keys = tuple(type(key).import_key(public(key)) for key in (rsa(), curve()))
    return Client(**{"id": "ehr", "issuer": ISSUER, "tenant": "ehr", "keys": keys, **members})


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims at NOW for a call of PATH, with changes; None takes a claim away."""
    good = {"iss": ISSUER, "aud": BASE + PATH, "exp": NOW + 300, "iat": NOW, "jti": "token-0001"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def header(**changes: Any) -> dict[str, Any]:
    """A good header for rsa(), with changes; None takes a member away."""
    good = {"alg": "RS384", "kid": "rsa-1", "typ": "JWT"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def encoded(value: Any) -> bytes:
    """A segment of a token: JSON unless it is bytes already, in base64url."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def signed(head: Any, body: Any, key: Key | None = None, algorithm: str | None = None) -> str:
    """`Bearer` and a token of any header and body, signed for real with a key by an algorithm: the one in the header
    unless it is given."""
    text = encoded(head) + b"." + encoded(body)
    name = algorithm or (head["alg"] if isinstance(head, Mapping) else "RS384")
    signature = JWSRegistry.algorithms[name].sign(text, key or rsa())
    return f"Bearer {(text + b'.' + encoded(signature)).decode()}"


def token(key: Key | None = None, head: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A token with good claims but for `changes`."""
    return signed(header(**(head or {})), claims(**changes), key)
