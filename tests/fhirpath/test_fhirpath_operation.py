"""`$fhirpath` as the FHIRPath Lab speaks it: Parameters in, Parameters out (server-api.md of brianpos/fhirpath-lab)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhirpath_support import COLOURS, JSON_VALUE, PATIENT, ask, ask_text, parameters, part, placed, results, values

from cds import __version__
from cds.errors import RequestError
from cds.expr import trace
from cds.fhirpath import answer as rendering
from cds.fhirpath import question


def refused(sent: Any, release: str = "R4") -> tuple[int, dict[str, Any]]:
    """Status and first issue of a refusal."""
    with pytest.raises(RequestError) as caught:
        ask(sent, release)
    return caught.value.status, caught.value.as_fhir()["issue"][0]


# --- what comes back ---------------------------------------------------------------------------------------------


def test_the_answer_says_what_was_asked_and_by_whom_it_was_answered() -> None:
    """`parameters` names the evaluator and sends back what was sent."""
    variables = {"part": [{"name": "x", "valueString": "v"}]}
    sent = parameters("name", context="contact", variables=variables, terminologyserver="https://tx.example")
    answer = ask(sent)
    assert (answer["resourceType"], answer["id"]) == ("Parameters", "fhirpath")
    assert part(answer, "evaluator")["valueString"] == f"pathway-cds {__version__} (R4)"
    assert part(answer, "expression")["valueString"] == "name"
    assert part(answer, "context")["valueString"] == "contact"
    assert part(answer, "resource")["resource"] == PATIENT
    assert part(answer, "terminologyServerUrl")["valueString"] == "https://tx.example"
    assert part(answer, "variables") == {"name": "variables", **variables}


def test_without_a_context_there_is_one_result() -> None:
    """The result for the resource itself has no description of its context, and no part when it is empty."""
    assert results(ask(parameters("active", debug_trace=False))) == [
        {
            "name": "result",
            "part": [{"extension": placed("Patient.active"), "name": "boolean", "valueBoolean": True}],
        }
    ]
    assert results(ask(parameters("photo"))) == [{"name": "result"}]


def test_each_context_item_has_its_result() -> None:
    """`%context` is the item, `%resource` the resource; items made by the context expression are counted."""
    answer = ask(parameters("%context.family | %resource.id | %rootResource.id", context="name"))
    described = [(result["valueString"], len(result["part"])) for result in results(answer)]
    assert described == [("Patient.name[0]", 2), ("Patient.name[1]", 2)]
    answer = ask(parameters("$this & 'x'", context="'a' | 'b'"))
    assert [result["valueString"] for result in results(answer)] == ["'a' | 'b'[0]", "'a' | 'b'[1]"]
    assert results(ask(parameters("1", context="photo"))) == []


def test_a_primitive_context_keeps_its_place_and_type() -> None:
    """The expression runs on the very element the context found."""
    answer = ask(parameters("$this", context="name.given.skip(1).first()"))
    (result,) = results(answer)
    assert result["valueString"] == "Patient.name[0].given[1]"
    assert result["part"] == [{"extension": placed("Patient.name[0].given[1]"), "name": "string", "valueString": "Bea"}]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("birthDate", {"extension": placed("Patient.birthDate"), "name": "date", "valueDate": "1980-02"}),
        ("1", {"name": "integer", "valueInteger": 1}),
        ("2147483647 + 1", {"name": "integer", "extension": [{"url": JSON_VALUE, "valueString": "2147483648"}]}),
        ("1.50", {"name": "decimal", "valueDecimal": 1.50}),
        ("'a'", {"name": "string", "valueString": "a"}),
        ("true", {"name": "boolean", "valueBoolean": True}),
        ("@2020-02", {"name": "date", "valueDate": "2020-02"}),
        ("@T12:00", {"name": "time", "valueTime": "12:00"}),
        ("now()", {"name": "dateTime", "valueDateTime": "2026-03-03T12:30:00.000Z"}),
        ("name[1].family", {"extension": placed("Patient.name[1].family"), "name": "empty-string"}),
        (
            "contact",
            {
                "extension": [
                    *placed("Patient.contact[0]"),
                    {"url": JSON_VALUE, "valueString": '{"name":{"family":"Dean"}}'},
                ],
                "name": "PatientContact",
            },
        ),
        (
            "contact.name",
            {
                "extension": placed("Patient.contact[0].name"),
                "name": "HumanName",
                "valueHumanName": {"family": "Dean"},
            },
        ),
        (
            "4 'mg'",
            {
                "name": "Quantity",
                "valueQuantity": {"value": 4, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
            },
        ),
        (
            "managingOrganization.resolve()",
            {
                "extension": placed("Patient.contained[0]"),
                "name": "Organization",
                "resource": {"resourceType": "Organization", "id": "o", "name": "Org"},
            },
        ),
    ],
)
def test_a_value_comes_with_type_and_place(expression: str, expected: dict[str, Any]) -> None:
    """In value[x] where Parameters can hold it, as a resource, or in a json-value extension."""
    assert values(expression) == [expected]


def test_decimals_keep_their_digits() -> None:
    """Written, computed and echoed, in numbers and in quantities: 1.50 is not 1.5."""
    weight = {"resourceType": "Observation", "valueQuantity": {"value": 1.5, "unit": "kg", "code": "kg"}}
    sent = json.dumps(parameters("value | value.value | 2.00 | 1.10 'g'", weight)).replace("1.5,", "1.50,")
    text = ask_text(sent.encode())
    assert '"valueQuantity":{"value":1.50,' in text.split('"result"')[0]
    assert '"valueQuantity":{"value":1.50,' in text.split('"result"')[1]
    assert '"valueDecimal":1.50' in text
    assert '"valueDecimal":2.00' in text
    assert '"valueQuantity":{"value":1.10,' in text


def test_trace_output_is_part_of_the_result() -> None:
    """Behind the values, by the name that the expression gave it."""
    found = values("name.first().given.trace('trc').first().trace('len', length())")
    assert found[1:] == [
        {
            "name": "trace",
            "valueString": "trc",
            "part": [
                {"extension": placed("Patient.name[0].given[0]"), "name": "string", "valueString": "Ann"},
                {"extension": placed("Patient.name[0].given[1]"), "name": "string", "valueString": "Bea"},
            ],
        },
        {"name": "trace", "valueString": "len", "part": [{"name": "integer", "valueInteger": 3}]},
    ]


def test_the_debug_trace_has_a_part_per_step() -> None:
    """`position,length,name` with values, focus, $this, $index; of an element of the resource the place is enough."""
    answer = ask(parameters("given\n.first()", context="name.first()"))
    (traced,) = results(answer, "debug-trace")
    at = {"name": "this-resource-path", "valueString": "Patient.name[0]"}
    ann = {"extension": placed("Patient.name[0].given[0]"), "name": "string", "valueString": "Ann"}
    bea = {"extension": placed("Patient.name[0].given[1]"), "name": "string", "valueString": "Bea"}
    index = {"name": "index", "valueInteger": 0}
    assert traced == {
        "name": "debug-trace",
        "valueString": "Patient.name[0]",
        "part": [
            {
                "name": "0,5,given",
                "part": [ann, bea, {"name": "focus-resource-path", "valueString": "Patient.name[0]"}, at, index],
            },
            {
                "name": "7,5,first",
                "part": [ann, {**ann, "name": "focus-string"}, {**bea, "name": "focus-string"}, at, index],
            },
        ],
    }


def test_the_index_of_a_loop_is_told() -> None:
    """Steps within where() carry $index."""
    (traced,) = results(ask(parameters("name.where(family = 'Dean')")), "debug-trace")
    indexes = [step["part"][-1]["valueInteger"] for step in traced["part"] if step["name"].endswith(",family")]
    assert indexes == [0, 1]


def test_a_debug_trace_may_be_declined() -> None:
    """`debug_trace` false leaves it out."""
    assert results(ask(parameters("name", debug_trace=False)), "debug-trace") == []


def test_the_syntax_tree_is_the_labs() -> None:
    """Types, names, positions; what a path or function is called on is its first argument."""
    tree = json.loads(
        part(ask(parameters("name.where(use = 'x').given | %resource.id")), "parseDebugTree")["valueString"]
    )
    that = {"ExpressionType": "AxisExpression", "Name": "builtin.that"}

    def child(name: str, position: int, base: Any, kind: str) -> dict[str, Any]:
        return {
            "ExpressionType": "ChildExpression",
            "Name": name,
            "Arguments": [base],
            "ReturnType": kind,
            "Position": position,
            "Length": len(name),
        }

    use = child("use", 11, that, "code")
    literal = {"ExpressionType": "ConstantExpression", "Name": "x", "ReturnType": "string", "Position": 17, "Length": 3}
    equal = {
        "ExpressionType": "BinaryExpression",
        "Name": "=",
        "Arguments": [use, literal],
        "ReturnType": "boolean",
        "Position": 15,
        "Length": 1,
    }
    where = {
        "ExpressionType": "FunctionCallExpression",
        "Name": "where",
        "Arguments": [child("name", 0, that, "HumanName"), equal],
        "ReturnType": "HumanName",
        "Position": 5,
        "Length": 5,
    }
    resource = {"ExpressionType": "VariableRefExpression", "Name": "resource", "Position": 30, "Length": 9}
    last = child("id", 40, resource, "")
    del last["ReturnType"]
    assert tree == {
        "ExpressionType": "BinaryExpression",
        "Name": "|",
        "Arguments": [child("given", 22, where, "string"), last],
        "Position": 28,
        "Length": 1,
    }


@pytest.mark.parametrize(
    ("expression", "kind", "name"),
    [
        ("{}", "ConstantExpression", "{}"),
        ("4 days", "ConstantExpression", "4 days"),
        ("-(1)", "UnaryExpression", "-"),
        ("name[0]", "IndexerExpression", "[]"),
        ("active is boolean", "BinaryExpression", "is"),
        ("name.ofType(HumanName)", "FunctionCallExpression", "ofType"),
        ("$this", "AxisExpression", "builtin.this"),
        ("1 + 2 + 3", "BinaryExpression", "+"),
        ("`name`", "ChildExpression", "name"),
    ],
)
def test_each_kind_of_node_has_its_name_in_the_tree(expression: str, kind: str, name: str) -> None:
    """The names of the lab's own tree."""
    tree = json.loads(part(ask(parameters(expression)), "parseDebugTree")["valueString"])
    assert (tree["ExpressionType"], tree["Name"]) == (kind, name)


def test_the_expected_type_is_told() -> None:
    """As far as the type of the context tells it."""
    answer = ask(parameters("given.first()", context="name"))
    assert part(answer, "expectedReturnType")["valueString"] == "string"
    assert part(ask(parameters("%resource.x")), "expectedReturnType") is None


# --- what goes in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expression", "expected"),
    [
        ({"valueString": "v"}, "%x", [{"name": "string", "valueString": "v"}]),
        ({"valueInteger": 3}, "%x + 1", [{"name": "integer", "valueInteger": 4}]),
        ({"valueDate": "2020-01-31"}, "%x + 1 month", [{"name": "date", "valueDate": "2020-02-29"}]),
        ({"valueCoding": {"code": "c"}}, "%x.code", [{"name": "string", "valueString": "c"}]),
        (
            {"resource": {"resourceType": "Group", "active": True}},
            "%x.active",
            [{"name": "boolean", "valueBoolean": True}],
        ),
        (
            {"extension": [{"url": JSON_VALUE, "valueString": "[1, 2]"}]},
            "%x.count()",
            [{"name": "integer", "valueInteger": 2}],
        ),
        (
            {"extension": [{"url": JSON_VALUE, "valueString": '{"a": 5}'}]},
            "%x.a",
            [{"name": "integer", "valueInteger": 5}],
        ),
        ({}, "%x", []),
    ],
)
def test_variables_have_any_value(given: dict[str, Any], expression: str, expected: list[dict[str, Any]]) -> None:
    """value[x], a resource, JSON of any shape, or nothing."""
    assert values(expression, variables={"part": [{"name": "x", **given}]}) == expected


def test_variables_may_be_spread() -> None:
    """Several `variables` parameters, and several values of one name."""
    sent = parameters(
        "%x | %y", variables={"part": [{"name": "x", "valueInteger": 1}, {"name": "x", "valueInteger": 2}]}
    )
    sent["parameter"].append({"name": "variables", "part": [{"name": "y", "valueInteger": 3}]})
    assert [item["valueInteger"] for item in results(ask(sent))[0]["part"]] == [1, 2, 3]
    sent["parameter"][-1]["part"] = [{}]
    assert refused(sent)[1]["expression"] == ["/parameter/3/part/0/name"]


def test_the_resource_may_come_as_json_text() -> None:
    """A json-value extension instead of a resource."""
    sent = parameters("name.family")
    text = json.dumps(PATIENT)
    sent["parameter"][1] = {"name": "resource", "extension": [{"url": JSON_VALUE, "valueString": text}]}
    answer = ask(sent)
    assert results(answer)[0]["part"][0]["valueString"] == "Cole"
    assert part(answer, "resource")["extension"][0]["valueString"] == text


def test_references_resolve_within_a_bundle_only() -> None:
    """By full url, relative, and contained in its entry; nothing is fetched (security E6)."""
    observation = {
        "resourceType": "Observation",
        "subject": {"reference": "Patient/p"},
        "performer": [{"reference": "urn:uuid:1"}, {"reference": "https://far.example/Patient/p"}, {"reference": "#c"}],
        "contained": [{"resourceType": "Group", "id": "c"}],
    }
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"resource": observation},
            {"resource": {"resourceType": "Patient", "id": "p"}},
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Practitioner"}},
        ],
    }
    found = values("entry.resource.subject.resolve() | entry.resource.performer.resolve()", bundle)
    assert [item["extension"][0]["valueString"] for item in found] == [
        "Bundle.entry[1].resource",
        "Bundle.entry[2].resource",
        "Bundle.entry[0].resource.contained[0]",
    ]


def test_member_of_asks_the_content() -> None:
    """Value sets are those that are loaded."""
    assert values(f"'red'.memberOf('{COLOURS}') | 'blue'.memberOf('{COLOURS}')", debug_trace=False) == [
        {"name": "boolean", "valueBoolean": True},
        {"name": "boolean", "valueBoolean": False},
    ]


def test_validation_reports_what_the_type_alone_tells() -> None:
    """The result is there all the same; the problem is a warning with its place."""
    answer = ask(parameters("name.givn", validate=True))
    assert results(answer) == [{"name": "result"}]
    (issue,) = part(answer, "debugOutcome")["resource"]["issue"]
    assert (issue["severity"], issue["code"], issue["expression"]) == (
        "warning",
        "invalid",
        ["/parameter/0/valueString"],
    )
    assert issue["details"]["text"] == "1:6: HumanName has no element 'givn'"
    assert issue["diagnostics"] == "did you mean 'given'?"
    assert part(ask(parameters("name.givn")), "debugOutcome") is None
    assert part(ask(parameters("name.given", validate=True)), "debugOutcome") is None


def test_releases_have_their_own_types() -> None:
    """R5 knows integer64 and elements R4 does not have; another release is refused."""
    attachment = {"resourceType": "Patient", "photo": [{"size": 5}]}
    assert results(ask(parameters("photo.size", attachment), "R5"))[0]["part"][0]["name"] == "integer64"
    assert results(ask(parameters("photo.size", attachment), "R4"))[0]["part"][0]["name"] == "unsignedInt"
    assert part(ask(parameters("1"), "R5"), "evaluator")["valueString"].endswith(" (R5)")
    assert refused(parameters("1"), "R6") == (
        400,
        {
            "severity": "error",
            "code": "not-supported",
            "details": {"text": "This engine knows FHIR R4 and R5"},
        },
    )


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code", "pointer"),
    [
        (b"{", "structure", None),
        (b"[]", "structure", "/resourceType"),
        ({"resourceType": "Patient"}, "structure", "/resourceType"),
        ({"resourceType": "Parameters"}, "required", "/parameter"),
        ({"resourceType": "Parameters", "parameter": {}}, "structure", "/parameter"),
        ({"resourceType": "Parameters", "parameter": [1]}, "structure", "/parameter/0/name"),
        (parameters(" "), "required", "/parameter/0"),
        (parameters("1", context={"valueString": 1}), "structure", "/parameter/2/valueString"),
        (parameters("1", validate="yes"), "ok", None),
        (parameters("1", validate={"valueBoolean": 1}), "structure", "/parameter/2/valueBoolean"),
        (parameters("1", variables={"part": {}}), "structure", "/parameter/2/part"),
        (parameters("1", variables={"part": [{}]}), "structure", "/parameter/2/part/0/name"),
        (
            parameters(
                "1", variables={"part": [{"name": "x", "extension": [{"url": JSON_VALUE, "valueString": "{"}]}]}
            ),
            "structure",
            "/parameter/2/part/0/extension/0/valueString",
        ),
        (parameters("1", {"id": "no-type"}), "structure", "/parameter/1/resource"),
    ],
)
def test_a_body_that_is_no_call_is_refused_with_its_place(sent: Any, code: str, pointer: str | None) -> None:
    """400 with a JSON pointer."""
    if code == "ok":
        assert ask(sent)
        return
    status, issue = refused(sent)
    assert (status, issue["code"], issue.get("expression", [None])[0]) == (400, code, pointer)


@pytest.mark.parametrize(
    ("resource", "code", "pointer"),
    [
        ({"valueString": "https://far.example/Patient/1"}, "not-supported", "/parameter/1/valueString"),
        (
            {"extension": [{"url": JSON_VALUE.replace("json", "xml"), "valueString": "<Patient/>"}]},
            "not-supported",
            "/parameter/1/extension",
        ),
        ({}, "required", "/parameter/1"),
        ({"extension": [{"url": JSON_VALUE, "valueString": 5}]}, "structure", "/parameter/1/extension/0/valueString"),
    ],
)
def test_a_resource_must_be_sent_itself(resource: dict[str, Any], code: str, pointer: str) -> None:
    """No address is fetched and no XML is read."""
    sent = parameters("1")
    sent["parameter"][1] = {"name": "resource", **resource}
    status, issue = refused(sent)
    assert (status, issue["code"], issue["expression"]) == (400, code, [pointer])


@pytest.mark.parametrize(
    ("expression", "status", "code", "text"),
    [
        ("name.where(", 400, "invalid", "1:12: expected a value"),
        ("name.cnt()", 400, "invalid", "1:6: unknown function"),
        ("%nope", 400, "invalid", "1:1: unknown variable %nope"),
        ("name.single()", 422, "processing", "1:6: "),
        (
            "repeat(%resource)\n.descendants().descendants().where(true).select(%resource.descendants())",
            422,
            "too-costly",
            "",
        ),
    ],
)
def test_an_expression_that_fails_is_told_with_its_place(expression: str, status: int, code: str, text: str) -> None:
    """400 when it does not compile, 422 when it fails on this resource; the pointer is the expression's."""
    big = {"resourceType": "Patient", "contact": [{"name": {"family": str(number)}} for number in range(300)]}
    found, issue = refused(parameters(expression, big if code == "too-costly" else None))
    assert (found, issue["code"], issue["expression"]) == (status, code, ["/parameter/0/valueString"])
    assert issue["details"]["text"].startswith(text)


def test_a_context_that_fails_is_told_as_such() -> None:
    """The pointer is that of the context."""
    assert refused(parameters("1", context="name.("))[1]["expression"] == ["/parameter/2/valueString"]


# --- limits ------------------------------------------------------------------------------------------------------


def test_all_contexts_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small evaluations cost as much as one large (security E2)."""
    monkeypatch.setattr(question, "BUDGET", 100)
    assert len(results(ask(parameters("1", context="name")))) == 2
    many = {"resourceType": "Patient", "name": [{"family": "x"}] * 60}
    assert refused(parameters("family.select($this)", many, context="name"))[1]["code"] == "too-costly"


def test_contexts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A context expression with too many items is refused."""
    monkeypatch.setattr(question, "MAX_CONTEXTS", 1)
    assert refused(parameters("1", context="name"))[1]["code"] == "too-costly"


def test_results_that_repeat_the_resource_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small request may not have a huge answer."""
    monkeypatch.setattr(rendering, "MAX_RESULTS", 3_000)
    assert values("name.select(%resource)", debug_trace=False)
    status, issue = refused(parameters("(1 | 2 | 3 | 4 | 5).combine(1 | 2 | 3 | 4 | 5).select(%resource)"))
    assert (status, issue["code"]) == (422, "too-costly")


@pytest.mark.parametrize("limit", [(trace, "MAX_STEPS"), (trace, "MAX_STEP_ITEMS"), (rendering, "MAX_TRACES")])
def test_a_long_debug_trace_is_cut(limit: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The results are whole, the trace is not, and the answer says so."""
    monkeypatch.setattr(*limit, 3)
    answer = ask(parameters("1 + 2 + 3 + 4"))
    assert results(answer)[0]["part"] == [{"name": "integer", "valueInteger": 10}]
    assert len(results(answer, "debug-trace")[0].get("part", [])) < 7
    assert "was cut" in part(answer, "debugOutcome")["resource"]["issue"][0]["details"]["text"]


def test_expressions_of_callers_are_not_kept() -> None:
    """The cache of compiled expressions is for definitions: callers could fill it."""
    from cds.expr.compile import _compile

    before = _compile.cache_info().currsize
    ask(parameters("1 + 41"))
    assert _compile.cache_info().currsize == before
