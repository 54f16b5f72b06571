"""The public keys with which tokens are verified: JWK Sets read strictly (security.md J2, J3, J12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha512
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import base64_to_int

#: What a client may be registered for; its keys decide which of them count (J2).
ASYMMETRIC = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
)
SYMMETRIC = frozenset(("HS256", "HS384", "HS512"))
MAX_KEYS = 50
_RSA_BITS = range(2048, 8193)
_KINDS = frozenset(("RSA", "EC", "OKP"))
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_PUBLIC_MEMBERS = frozenset(("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y"))
_SECRET_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
#: Taken from this table and nowhere else: what it does not name, `none` for one, does not exist here (J1).
_ALGORITHMS: Mapping[str, Any] = {name: JWSRegistry.algorithms[name] for name in ASYMMETRIC | SYMMETRIC}


class Algorithm(Protocol):
    """A signature algorithm of joserfc."""

    def verify(self, msg: bytes, sig: bytes, key: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """One key with one of the algorithms that it fits."""

    algorithm: Algorithm
    key: Key

    def verify(self, signed: bytes, signature: bytes) -> bool:
        """Whether the signature over `signed` is of this key."""
        return self.algorithm.verify(signed, signature, self.key)


#: By `kid` and `alg`, so that no header can bring a key together with an algorithm it is not for.
Verifiers = Mapping[tuple[str, str], Verifier]


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """What is wrong with one key of a set, by its position; `hint` is the remedy. A `fatal` one leaves the key out."""

    index: int
    message: str
    hint: str
    fatal: bool = True


def read_key_set(value: Any) -> tuple[list[Key], list[KeyProblem]]:
    """The signing keys of a JWK Set (RFC 7517), and what is wrong with its keys. Keys that are for encryption, or of a
    kind that nobody here knows, are passed over in silence. Raises ValueError for what is no JWK Set, or one of more
    than MAX_KEYS keys."""
    found = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ValueError("not a JWK Set: an object with `keys`, a list")
    if len(found) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} keys")
    keys: list[Key] = []
    problems: list[KeyProblem] = []
    for index, jwk in enumerate(found):
        problem = _problem(jwk)
        if problem:
            problems.append(KeyProblem(index, *problem))
            continue
        if jwk["kty"] not in _KINDS or jwk.get("use", "sig") != "sig":
            continue
        if not _SECRET_MEMBERS.isdisjoint(jwk):
            message = f"the key '{jwk['kid']}' comes with its private part, so anyone may sign with it"
            problems.append(KeyProblem(index, message, "have the client make a new key", fatal=False))
        try:
            key = JWKRegistry.import_key({name: part for name, part in jwk.items() if name in _PUBLIC_MEMBERS})
            key.check_key_op("verify")
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            problems.append(KeyProblem(index, *_malformed(jwk)))
            continue
        keys.append(key)
    return keys, problems


def verifiers(keys: Iterable[Key], algorithms: Iterable[str]) -> dict[tuple[str, str], Verifier]:
    """Each key with each of the algorithms that it fits: of its kind and curve, and what its `alg` says (J3). Of two
    keys with one `kid` the first counts."""
    found: dict[tuple[str, str], Verifier] = {}
    for key in keys:
        for name in algorithms:
            algorithm = _ALGORITHMS[name]
            try:
                algorithm.check_key(key)
                key.check_alg(name)
            except JoseError:
                continue
            found.setdefault((key.kid or "", name), Verifier(algorithm, key))
    return found


def secret_verifiers(secret: bytes, algorithms: Iterable[str]) -> dict[tuple[str, str], Verifier]:
    """The verifiers of a client that signs with a secret it shares with us; its tokens need no `kid`."""
    return verifiers([OctKey.import_key(secret)], algorithms)


@cache
def decoy(algorithm: str) -> Verifier:
    """A verifier whose key nobody has, which takes as long about a signature as that of a client's key for the
    algorithm, one of ASYMMETRIC or SYMMETRIC."""
    key: Key
    if algorithm in _CURVES:
        key = ECKey.generate_key(_CURVES[algorithm])
    elif algorithm in SYMMETRIC:
        key = OctKey.generate_key(512)
    elif algorithm[0] == "E":
        key = OKPKey.generate_key("Ed25519")
    else:
        digits = b"".join(sha512(b"decoy%d" % part).digest() for part in range(4))
        modulus = int.from_bytes(digits, "big") | 1 << 2047 | 1  # nobody knows its factors
        key = RSAKey.import_key(RSAPublicNumbers(65537, modulus).public_key())
    return Verifier(_ALGORITHMS[algorithm], key)


def _problem(jwk: Any) -> tuple[str, str] | None:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kty"), str):
        return "not a JWK: an object with `kty`", "copy the key from the client anew"
    if not isinstance(jwk.get("kid"), str) or not jwk["kid"]:
        return "the key has no `kid`", "give it the `kid` that the client's tokens name in their header"
    if jwk["kty"] == "RSA":
        try:
            bits = base64_to_int(jwk["n"]).bit_length()
        except (ValueError, KeyError, TypeError, AttributeError):
            return _malformed(jwk)
        if bits not in _RSA_BITS:
            return f"the key '{jwk['kid']}' has {bits} bits", "have the client make one of 2048 to 8192 bits"
    return None


def _malformed(jwk: Any) -> tuple[str, str]:
    return f"the key '{jwk['kid']}' is malformed, or not for signatures", "copy it from the client anew"
