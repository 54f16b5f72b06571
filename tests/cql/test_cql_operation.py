"""`$cql` and `Library/$evaluate` below HTTP: inputs, results, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from cql_calls_support import (
    PAIN,
    URL,
    ask,
    content,
    data,
    evaluate,
    issues,
    nested,
    pain,
    patient,
    refused,
    sent_library,
    text,
    value,
)

from cds.errors import NotFoundError, RequestError
from cds.expr.cql.parser import parse_library
from cds.expr.cql.translate import translate

LIMIT = {"name": "Limit", "valueInteger": 0}


# --- $cql ------------------------------------------------------------------------------------------------------------


def test_an_expression_has_a_value() -> None:
    """The first example of the guide."""
    (found,) = ask("2 + 2")
    assert (found["name"], found["valueInteger"]) == ("return", 4)


@pytest.mark.parametrize("extra", [(), ({"name": "useServerData", "valueBoolean": True},)])
def test_parameters_are_names_in_the_expression(extra: tuple[dict[str, Any], ...]) -> None:
    """Its second example; one that is there several times is a list, one with parts a tuple."""
    given = nested(
        {"name": "X", "valueInteger": 2},
        {"name": "L", "valueString": "a"},
        {"name": "L", "valueString": "b"},
        {"name": "a name", "part": [{"name": "on", "valueDate": "2026-01-31"}]},
    )
    assert [value(found) for found in ask("2 + X", given, *extra)] == [4]
    assert [value(found) for found in ask("Combine(L, '-')", given)] == ["a-b"]
    assert [value(found) for found in ask('"a name".on + 1 day', given)] == ["2026-02-01"]


def test_an_expression_uses_libraries_and_data() -> None:
    """Its third example: a library by its url under a name of the caller's, with a parameter of that library."""
    library = {"name": "library", "part": [{"name": "url", "valueCanonical": URL}, text("name", "P")]}
    chart = data(patient(), pain(), pain("d", subject="q"))
    assert value(ask('Count(P."Back Pain")', library, chart)[0]) == 1
    assert value(ask('P."Too Many"', library, chart, nested(LIMIT))[0]) is True
    assert value(ask('P."Too Many"', library, chart, nested({**LIMIT, "name": "P.Limit"}))[0]) is True
    unnamed = {"name": "library", "part": [{"name": "url", "valueCanonical": f"{URL}|1.1"}]}
    assert value(ask('Pain."Has Back Pain"', unnamed, chart)[0]) is True


def test_what_cql_and_fhir_both_name_is_cqls() -> None:
    """As without a model; FHIR's types are there as soon as the expression needs them."""
    assert ask("null as Quantity")[0]["extension"][0]["valueString"] == "System.Quantity"
    assert value(ask("AgeInYears()", data(patient(birthDate="2000-03-04")))[0]) == 25
    assert value(ask("Patient.name[0].family.value", data(patient(name=[{"family": "Cole"}])))[0]) == "Cole"


def test_data_that_was_not_sent_is_unknown() -> None:
    """exists is null, and the caller is told why."""
    found, messages = ask("exists [Condition]")
    assert "valueBoolean" not in found
    (issue,) = messages["resource"]["issue"]
    assert (issue["severity"], issue["details"]["text"]) == ("warning", "'return' lacks data: Condition")
    assert ask("[Condition]")[0]["_valueBoolean"]["extension"][0]["valueCode"] == "unknown"
    assert value(ask("exists [Condition]", data(patient()))[0]) is False


def test_the_subject_says_whose_data_it_is() -> None:
    """Of a Bundle of several patients; nobody else's is seen."""
    several = data(patient("a"), patient("b", birthDate="2001-01-01"), pain("x", "a"), pain("y", "b"), pain("z", "b"))
    assert value(ask("Count([Condition])", several, text("subject", "Patient/b"))[0]) == 2
    assert value(ask("Patient.id.value", several, text("subject", "a"))[0]) == "a"
    assert refused(several, expression="Patient.id")[0][0] == "required"
    assert refused(several, text("subject", "Patient/c"))[0][0] == "not-found"
    assert refused(several, text("subject", "Practitioner/a"))[0][0] == "invalid"
    assert refused(data(pain()), expression="[Condition]")[0][0] == "required"
    assert value(ask("Count([Condition])", data(pain()), text("subject", "Patient/p"))[0]) == 1


def test_the_timestamp_is_now() -> None:
    """And otherwise the clock of the service."""
    assert value(ask("Today()")[0]) == "2026-03-03"
    stamp = {"name": "timestamp", "valueDateTime": "2020-02-29T23:00:00-05:00"}
    assert value(ask("Now()", stamp)[0]) == "2020-03-01T04:00:00.000Z"
    assert refused({"name": "timestamp", "valueDateTime": "2020-02-29"})[0][0] == "value"


@pytest.mark.parametrize(
    ("expression", "code", "told"),
    [
        ("2 +", "invalid", "1:4: expected an expression, found the end"),
        ("2 +\n  x", "invalid", "2:3: the name 'x' does not exist"),
        ("1\ndefine X: 2", "invalid", "2:1: expected an operator or the end of the expression, found 'define'"),
        ("1 */* 2", "invalid", "1:4: this comment is never closed"),
        ("[Conditon]", "invalid", "1:2: the type 'Conditon' does not exist"),
        ("'" + "a" * 10_000 + "'", "too-long", "The expression is longer than 10000 characters"),
        ("  ", "required", "There is no 'expression'"),
    ],
)
def test_an_expression_that_does_not_compile_is_refused(expression: str, code: str, told: str) -> None:
    """With line and column in the expression; it cannot bring definitions of its own."""
    ((found, text, place),) = refused(expression=expression)
    assert (found, place) == (code, "/parameter/0/valueString" if code != "required" else "/parameter/0")
    assert text == told


CROSS = ", ".join(f"({{1, 2, 3, 4, 5, 6, 7, 8, 9}}) A{index}" for index in range(9))


@pytest.mark.parametrize(
    ("expression", "code", "told"),
    [
        ("1 +\n Message(1, true, 'E', 'Error', 'no')", "processing", "2:2: E: no"),
        (f"from {CROSS} return 1", "too-costly", "a collection grew beyond 100000 items"),
    ],
)
def test_an_expression_that_fails_is_422(expression: str, code: str, told: str) -> None:
    """With the place where it failed, within the expression."""
    with pytest.raises(RequestError) as caught:
        ask(expression)
    assert (caught.value.status, issues(caught.value)) == (422, [(code, told, "/parameter/0/valueString")])


@pytest.mark.parametrize(
    ("sent", "code", "place"),
    [
        ({"name": "dataEndpoint", "resource": {"resourceType": "Endpoint"}}, "not-supported", "/parameter/1"),
        ({"name": "prefetchData", "part": []}, "required", "/parameter/1"),
        (text("terminologyEndpoint", "x"), "not-supported", "/parameter/1"),
        (text("expresion", "x"), "not-supported", "/parameter/1"),
        (text("expression", "2"), "structure", "/parameter/1"),
        ({"name": "subject", "valueInteger": 1}, "structure", "/parameter/1/valueString"),
        ({"name": "data", "resource": patient()}, "structure", "/parameter/1/resource"),
        ({"name": "useServerData", "valueString": "no"}, "structure", "/parameter/1/valueBoolean"),
        ({"name": "library", "part": [text("name", "P")]}, "required", "/parameter/1"),
        ({"name": "library", "part": 1}, "structure", "/parameter/1/part"),
        (nested({"valueInteger": 1}), "structure", "/parameter/1/resource/parameter/0/name"),
    ],
)
def test_inputs_that_are_not_taken_are_refused(sent: dict[str, Any], code: str, place: str) -> None:
    """With the place; nothing is fetched from anywhere, and nothing misspelt is ignored."""
    assert [(found, at) for found, _, at in refused(sent)] == [(code, place)]


def test_a_library_that_is_not_loaded_is_404() -> None:
    """With the place of its url."""
    with pytest.raises(RequestError) as caught:
        ask("1", {"name": "library", "part": [{"name": "url", "valueCanonical": "http://x"}]})
    assert (caught.value.status, issues(caught.value)[0][2]) == (404, "/parameter/1/part/0")


# --- Library/$evaluate -----------------------------------------------------------------------------------------------


def test_a_library_gives_all_its_public_values() -> None:
    """What fails has no value; `_messages` says so, and what Message reported."""
    found = evaluate(data(patient(), pain()), identifier="pain")
    assert list(found) == [
        "Patient",
        "Back Pain",
        "Has Back Pain",
        "Too Many",
        "Fails",
        "Warns",
        "Started",
        "_messages",
    ]
    assert found["Patient"][0]["resource"]["id"] == "p"
    assert found["Back Pain"][0]["resource"]["id"] == "c"
    assert found["Fails"][0]["_valueBoolean"]["extension"][0]["valueCode"] == "error"
    told = [(issue["severity"], issue["details"]["text"]) for issue in found["_messages"][0]["resource"]["issue"]]
    assert told == [
        ("error", "Pain:13:15: X: it fails"),
        ("error", "it fails"),
        ("warning", "take care"),
    ]


@pytest.mark.parametrize("name", ["Has Back Pain", 'Pain."Has Back Pain"', '"Has Back Pain"'])
def test_expressions_are_named(name: str) -> None:
    """Alone or with the library, with quotes or without; the answer has the caller's name for them."""
    found = evaluate(text("expression", name), data(patient(), pain()), identifier="pain")
    assert [(key, value(parts[0])) for key, parts in found.items()] == [(name, True)]


def test_private_expressions_come_when_asked_for() -> None:
    """By name, or all of them."""
    assert value(evaluate(text("expression", "Secret"), identifier="pain")["Secret"][0]) == 7
    private = {"name": "includePrivate", "valueBoolean": True}
    assert "Secret" in evaluate(private, data(patient()), identifier="pain")


@pytest.mark.parametrize("way", [{"name": "url", "valueCanonical": URL}, text("url", f"{URL}|1.1")])
def test_a_library_is_named_by_its_url(way: dict[str, Any]) -> None:
    """With its version or without."""
    assert value(evaluate(way, text("expression", "Secret"))["Secret"][0]) == 7


def test_a_library_comes_with_the_call() -> None:
    """As CQL that includes one of the content, or as ELM."""
    source = "library Mine\ninclude Pain version '1.1' called P\ndefine Twice: P.Secret2 * 2\ndefine X: 3"
    with pytest.raises(RequestError) as caught:
        evaluate(sent_library(source))
    ((code, told, place),) = issues(caught.value)
    assert (caught.value.status, code, place) == (400, "invalid", "/parameter/0/resource")
    assert told.startswith("Mine:3:15: ")
    source = "library Mine\ninclude Pain version '1.1' called P\ndefine Limits: P.Limit"
    assert value(evaluate(sent_library(source))["Limits"][0]) == 2
    elm = dict(translate(parse_library("library E\ndefine X: 1 + 2"), resolve=lambda _name, _version: None))
    assert value(evaluate(sent_library(elm))["X"][0]) == 3


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        (sent_library("x")["resource"] | {"content": []}, "/parameter/0/resource/content"),
        (
            {"resourceType": "Library", "content": [{"contentType": "text/cql", "data": "?"}]},
            "/parameter/0/resource/content/0/data",
        ),
        (sent_library("library L\n" + "//" * 100_000)["resource"], "/parameter/0/resource/content"),
        (sent_library({"no": "elm"})["resource"], "/parameter/0/resource/content/0/data"),
    ],
)
def test_a_library_without_readable_cql_is_refused(sent: dict[str, Any], place: str) -> None:
    """With the element."""
    with pytest.raises(RequestError) as caught:
        evaluate({"name": "library", "resource": sent})
    assert [at for _, _, at in issues(caught.value)] == [place]


def test_a_call_names_one_library() -> None:
    """By the address, or by one of the two inputs."""
    for sent, identifier in [((), None), ((text("url", URL), sent_library(PAIN)), None), ((text("url", URL),), "pain")]:
        with pytest.raises(RequestError) as caught:
            evaluate(*sent, identifier=identifier)
        assert caught.value.status == 400
    with pytest.raises(NotFoundError):
        evaluate(identifier="nothing")


def test_parameters_are_bound_by_type() -> None:
    """A value of another type is refused; one that no library takes is told."""
    period = {"name": "Period", "valuePeriod": {"start": "2026-01-01", "end": "2026-02-01T00:00:00Z"}}
    found = evaluate(text("expression", "Started"), nested(period), identifier="pain")
    assert value(found["Started"][0]) == "2026-01-01"
    with pytest.raises(RequestError) as caught:
        evaluate(nested({"name": "Limit", "valueString": "many"}), identifier="pain")
    assert issues(caught.value) == [("value", "The value is no System.Integer", "/parameter/0/resource/parameter/0")]
    found = evaluate(text("expression", "Secret"), nested({"name": "Limits", "valueInteger": 1}), identifier="pain")
    (issue,) = found["_messages"][0]["resource"]["issue"]
    assert (issue["severity"], issue["diagnostics"]) == ("warning", "did you mean 'Limit'?")


def test_an_unknown_expression_is_refused_with_the_nearest() -> None:
    """Of this library or of one it includes."""
    with pytest.raises(RequestError) as caught:
        evaluate(text("expression", "Secrets"), identifier="pain")
    issue = caught.value.issues[0]
    assert (issue.code, issue.diagnostics, issue.expression) == ("not-found", "did you mean 'Secret'?", "/parameter/0")


def test_when_nothing_has_a_value_the_call_fails() -> None:
    """422 with every reason."""
    with pytest.raises(RequestError) as caught:
        evaluate(text("expression", "Fails"), identifier="pain")
    assert (caught.value.status, issues(caught.value)) == (422, [("processing", "Pain:13:15: X: it fails", "'Fails'")])


def test_a_query_is_enough_without_data() -> None:
    """GET, with the inputs that are simple."""
    found = evaluate(identifier="pain", expression="Secret", includePrivate="true")
    assert list(found) == ["Secret"]
    with pytest.raises(RequestError) as caught:
        evaluate(identifier="pain", foo="1")
    assert issues(caught.value)[0][2] == "foo"


def test_the_libraries_of_the_content_are_found_by_name_and_version() -> None:
    """As includes ask for them."""
    assert content().find("Pain", "1.1") is not None
    assert content().find("Pain", "2") is None
    assert content().find("Pane", None) is None


@pytest.mark.parametrize("name", ['X" Integer define "Y', "a\nb", "a\\", "it's", "return"])
def test_names_of_a_caller_stay_names(name: str) -> None:
    """Whatever they hold, in parameters, parts and types: nothing of a call becomes CQL but the expression."""
    given = nested({"name": name, "valueInteger": 1}, {"name": "T", "part": [{"name": name, "valueInteger": 2}]})
    assert value(ask("2", given)[0]) == 2
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    assert value(ask(f"{quoted} + T.{quoted}", given)[0]) == 3
    assert refused(given, expression='"Y"')[0][0] == "invalid"
    assert refused(nested({"name": "R", "resource": {"resourceType": name}}))[0][0] == "value"


@pytest.mark.parametrize(
    "elm",
    [
        {"statements": 1},
        {"statements": {"def": [1]}},
        {"statements": {"def": [{"name": "X"}]}},
        {"statements": {"def": [{"name": "X", "expression": {"type": "Nonsense"}}]}},
        {"statements": {"def": [{"name": "X", "expression": {"type": "Add", "operand": 1}}]}},
        {"includes": {"def": [{"localIdentifier": "A", "path": "None"}]}},
        {"parameters": {"def": {"name": "P"}}},
    ],
)
def test_elm_that_is_none_is_refused(elm: dict[str, Any]) -> None:
    """As a call that cannot be understood, not as a failure of ours."""
    with pytest.raises(RequestError) as caught:
        evaluate(sent_library({"identifier": {"id": "E"}, **elm}))
    assert caught.value.status in (400, 422)
