"""Helpers over plain dict resources."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import pytest

from cds import fhir


def test_derived_ids_are_version_5_uuids() -> None:
    """The same words give the same id, as the standard library computes it."""
    namespace = UUID("5b3ad1a5-6a0a-5e0c-9f65-3c7d2f1e8b40")
    assert fhir.derived_id("a|b ä") == str(uuid5(namespace, "a|b ä"))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Condition/1", ("Condition", "1")),
        ("https://ehr.example/fhir/Condition/1", ("Condition", "1")),
        ("Condition/1/_history/2", ("Condition", "1")),
        ("#inside", None),
        ("urn:uuid:x", None),
        ("Condition/", None),
        ("condition/1", None),
        ("1", None),
        ("", None),
    ],
)
def test_reference_key(reference: str, expected: tuple[str, str] | None) -> None:
    """Type and id of literal references; nothing of the others."""
    assert fhir.reference_key(reference) == expected


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [("http://x/y|1.2", ("http://x/y", "1.2")), ("http://x/y", ("http://x/y", None)), ("x|", ("x", None))],
)
def test_split_canonical(canonical: str, expected: tuple[str, str | None]) -> None:
    """Url and version."""
    assert fhir.split_canonical(canonical) == expected


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"coding": [{"system": "s", "code": "c"}]}, [("s", "c")]),
        ({"coding": {"system": "s", "code": "c"}}, [("s", "c")]),
        ([{"coding": [{"system": "s", "code": "c"}]}, {"system": "t", "code": "d"}], [("s", "c"), ("t", "d")]),
        ({"coding": [{"code": "c"}, {"system": "s"}, {}, None, 3, {"system": ["s"], "code": "c"}]}, []),
        (None, []),
        ("text", []),
        ({"coding": "text"}, []),
    ],
)
def test_codings_of_anything_a_client_sends(element: Any, expected: list[tuple[str, str]]) -> None:
    """Concepts, codings and lists of them; wrong shapes are passed over (B6, B12)."""
    assert list(fhir.codings(element)) == expected


def test_without_empties() -> None:
    """Null and empty members go, at any depth; a resource that has none is returned itself (G1)."""
    full = {"a": [{"b": "null and {} in text"}], "c": 0, "d": False}
    assert fhir.without_empties(full) == full
    clean = {"a": [{"b": 1}]}
    assert fhir.without_empties(clean) is clean
    odd = {"a": [{}, None, {"b": ""}, {"c": [None], "d": 0}], "e": [[]], "f": None}
    assert fhir.without_empties(odd) == {"a": [{"d": 0}]}


def test_the_decision_of_an_action_is_our_code_or_its_first() -> None:
    """Content of others has code systems of its own."""
    own, other = {"system": fhir.DECISION_SYSTEM, "code": "bed-rest"}, {"system": "urn:s", "code": "rest"}
    assert fhir.decision_code([{"coding": [other, own]}]) == "bed-rest"
    assert fhir.decision_code([{"coding": [{"code": "bare"}, other]}]) == "rest"
    assert fhir.decision_code(None) == ""
