"""Whatever is sent to `$fhirpath`, it is answered or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from fhirpath_support import PATIENT, ask, parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.errors import RequestError

pytestmark = pytest.mark.slow

NAMES = (
    "name",
    "valueString",
    "valueBoolean",
    "resource",
    "part",
    "extension",
    "url",
    "given",
    "_given",
    "resourceType",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
EXPRESSIONS = st.sampled_from(
    [
        "descendants().trace('d', type()).count()",
        "name.given.select($index + length())",
        "name.where(given.exists()) | contact | %x",
        "children().children().ofType(string)",
        "contained.id | extension.value | managingOrganization.resolve()",
    ]
)


@settings(max_examples=100, deadline=None)
@given(
    EXPRESSIONS,
    st.sampled_from(["", "name", "descendants()", "%x"]),
    st.dictionaries(st.sampled_from(NAMES), JSON),
    JSON,
)
def test_odd_resources_and_variables_are_answered_or_refused(
    expression: str, context: str, oddities: dict[str, Any], variable: Any
) -> None:
    """Elements of any JSON shape in the resource and in a variable raise nothing but a RequestError."""
    resource = {**PATIENT, **oddities, "name": [*PATIENT["name"], oddities], "resourceType": "Patient"}
    given_variable = {"part": [{"name": "x", "valueString": variable}, {"name": "x", "resource": variable}]}
    with suppress(RequestError):
        ask(parameters(expression, resource, context=context, variables=given_variable, validate=True))


@settings(max_examples=100, deadline=None)
@given(JSON, st.integers(0, 2), st.sampled_from(["name", "valueString", "resource", "part", "extension"]))
def test_odd_parameters_are_answered_or_refused(odd: Any, index: int, member: str) -> None:
    """So does any JSON in the place of a parameter or of one of its members."""
    sent = parameters("name", variables={"part": []})
    sent["parameter"][index][member] = odd
    with suppress(RequestError):
        ask(sent)
    with suppress(RequestError):
        ask({"resourceType": "Parameters", "parameter": odd})
