"""JWK Sets: which keys count, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import Key
from token_support import curve, edwards, public, rsa

from cds.keys import ASYMMETRIC, MAX_KEYS, SYMMETRIC, decoy, read_key_set, verifiers


def kids(*jwks: Any) -> list[str | None]:
    return [key.kid for key in read_key_set({"keys": list(jwks)})[0]]


def complaint(jwk: Any) -> str:
    """What is said of a key that is left out."""
    keys, [problem] = read_key_set({"keys": [jwk]})
    assert (keys, problem.fatal, problem.index, bool(problem.hint)) == ([], True, 0, True)
    return problem.message


def test_signing_keys_are_read() -> None:
    """RSA, EC and Ed25519 keys for signatures; keys for encryption and of unknown kinds are passed over (F9)."""
    others = [public(rsa("e"), use="enc"), {"kty": "AKP", "kid": "q", "alg": "ML-DSA-44"}, {"kty": "oct", "kid": "s"}]
    jwks = [public(rsa(), use="sig"), public(curve()), *others, public(edwards())]
    assert kids(*jwks) == ["rsa-1", "ec-1", "ed-1"]
    assert read_key_set({"keys": jwks})[1] == []


@pytest.mark.parametrize("value", [None, [], {}, {"keys": {}}, {"keys": None}, "x", {"keys": [{}] * (MAX_KEYS + 1)}])
def test_what_is_no_set_is_refused(value: Any) -> None:
    """Another shape, or more than 50 keys (J11)."""
    with pytest.raises(ValueError, match=r"JWK Set|50 keys"):
        read_key_set(value)


def test_weak_keys_are_refused() -> None:
    """RSA below 2048 bits is no key; above 8192 it would cost too much to verify (J12)."""
    weak = {**public(rsa()), "n": "w" * 171}
    assert complaint(weak) == "the key 'rsa-1' has 1024 bits"
    assert "bits" in complaint({**weak, "n": "w" * 2000})


def test_a_private_part_is_dropped_and_told() -> None:
    """A private key in a set counts as public only, with an alarm (J12)."""
    [key], [problem] = read_key_set({"keys": [curve().as_dict(private=True)]})
    assert not key.is_private
    assert "private" in problem.message
    assert not problem.fatal


@pytest.mark.parametrize("kid", [None, "", 7])
def test_a_key_needs_a_name(kid: Any) -> None:
    """A good key without a `kid` is left out: a token without one must never find a key (F4)."""
    assert complaint({**public(rsa()), "kid": kid}) == "the key has no `kid`"


def test_as_many_keys_as_allowed_are_read() -> None:
    """50 keys are a set (J11)."""
    assert len(kids(*[public(curve(), kid=f"k{number}") for number in range(MAX_KEYS)])) == MAX_KEYS


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        [],
        "x",
        {},
        {"kty": 1, "kid": "a"},
        {"kty": "RSA"},
        {"kty": "RSA", "kid": ""},
        {"kty": "RSA", "kid": 7},
        {"kty": "RSA", "kid": "a"},
        {"kty": "RSA", "kid": "a", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "a", "n": 5, "e": "AQAB"},
        {**public(rsa()), "e": "AA"},
        {**public(rsa()), "key_ops": ["encrypt"]},
        {**public(rsa()), "key_ops": 5},
        {"kty": "EC", "kid": "a", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "a", "crv": "P-1", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "a", "crv": []},
        {"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": "AA"},
    ],
)
def test_malformed_keys_are_told(jwk: Any) -> None:
    """A key that cannot be read is left out, and the others count (J11, J12)."""
    assert complaint(jwk)
    assert kids(jwk, public(rsa())) == ["rsa-1"]


def test_a_key_fits_its_own_algorithms() -> None:
    """Kind, curve and `alg` of the key decide, never the header of a token (J3)."""
    fitting: list[tuple[Key, set[str]]] = [
        (rsa(), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (curve("p", "P-256"), {"ES256"}),
        (curve(), {"ES384"}),
        (edwards(), {"EdDSA", "Ed25519"}),
    ]
    for key, algorithms in fitting:
        [own], _ = read_key_set({"keys": [public(key)]})
        assert {name for _, name in verifiers([own], ASYMMETRIC)} == algorithms
    [own], _ = read_key_set({"keys": [public(rsa(), alg="PS512")]})
    assert set(verifiers([own], ASYMMETRIC)) == {("rsa-1", "PS512")}


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    """A `kid` is unique in its set; a second key of that name cannot push the first aside (F4)."""
    keys, _ = read_key_set({"keys": [public(rsa()), public(rsa("rsa-2"), kid="rsa-1")]})
    [found] = verifiers(keys, ["RS384"]).values()
    assert found.key == keys[0]


MEMBERS = ["kty", "kid", "use", "alg", "key_ops", "n", "e", "crv", "x", "y", "d", "x5c"]
WORDS = st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "sig", "enc", "verify", "AQAB", "RS384", "a"])
VALUES = WORDS | st.none() | st.integers() | st.text(max_size=4) | st.lists(WORDS, max_size=2)


@given(
    changes=st.dictionaries(st.sampled_from(MEMBERS), VALUES),
    base=st.sampled_from([{}, public(rsa()), public(curve())]),
)
def test_no_set_is_our_failure(changes: dict[str, Any], base: dict[str, Any]) -> None:
    """Whatever a client publishes, each key counts, is passed over or is told (J11)."""
    keys, problems = read_key_set({"keys": [{**base, **changes}]})
    assert len(keys) + sum(problem.fatal for problem in problems) <= 1
    verifiers(keys, ASYMMETRIC)


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC | SYMMETRIC))
def test_a_decoy_is_of_its_algorithm(algorithm: str) -> None:
    """What is checked in place of a client's key is a key for the algorithm that the token names, so that it takes the
    time of one, and no token is signed with it (security section 1)."""
    found = decoy(algorithm)
    assert verifiers([found.key], ASYMMETRIC | SYMMETRIC)["", algorithm].algorithm is found.algorithm
    assert not found.verify(b"head.body", bytes(64))
    assert decoy(algorithm) is found
