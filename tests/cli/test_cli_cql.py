"""`cds cql` on files: values, explanations, errors, exit status."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from cli_process import Here, Serving, run
from click.testing import CliRunner, Result

from cds.cli import group
from cds.errors import ConfigurationError, DefinitionError
from cds.expr import trace
from cds.expr.cql.parser import parse_library
from cds.expr.cql.translate import translate

HEAD = "using FHIR version '4.0.1'\ninclude FHIRHelpers version '4.0.1'\n"
PAIN = f"""library Pain version '0.1'
{HEAD}include Common version '1.2' called C
code "Pain": '279039007' from C."SNOMED" display 'Low back pain'
parameter Period Interval<DateTime> default Interval[@2025-01-01, @2025-12-31]
parameter Limit Integer default 5
parameter Site String
context Patient
define "Back Pain": [Condition: "Pain"]
define "Has Back Pain": exists "Back Pain"
define "A Name That Is Longer Than The Column": 1
define Summary: {{
  Tuple {{ label: 'pain', on: "Has Back Pain", span: Period }},
  Tuple {{ label: 'limit', on: Limit > 5, span: Period }}
}}
define Ward: Site
define private Hidden: 7
"""
COMMON = """library Common version '1.2'
using FHIR version '4.0.1'
codesystem "SNOMED": 'http://snomed.info/sct'
context Patient
define All: [Condition]
"""
CODING = [{"system": "http://snomed.info/sct", "code": "279039007", "display": "Low back pain"}]
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1980-02-29"}
CONDITION = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"coding": CODING}}
Cql = Callable[..., Result]


def bundle(*resources: dict[str, Any]) -> str:
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]})


@pytest.fixture
def cql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cql]:
    """`cql(*options, data="...", **files)` runs the verb on pain.cql with files beside it."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    contents = {"pain.cql": PAIN, "common.cql": COMMON, "b.json": bundle(PATIENT, CONDITION)}

    def call(*options: str, file: str = "pain.cql", **changed: str) -> Result:
        for name, text in {**contents, **{key.replace("_", "."): text for key, text in changed.items()}}.items():
            Path(name).write_text(text, encoding="utf-8")
        return CliRunner().invoke(group, ["cql", file, *options])

    yield call
    structlog.reset_defaults()  # a verb sets up the logs of its process


def test_each_expression_has_its_value(cql: Cql) -> None:
    """Beside its name, or below where there is no room; private ones are not shown."""
    ended = cql("--input", "b.json")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == (
        "Back Pain      { Condition/c (Low back pain) }\n"
        "Has Back Pain  true\n"
        "A Name That Is Longer Than The Column\n"
        "  1\n"
        "Summary\n"
        "  {\n"
        "    Tuple {\n"
        "      label: 'pain',\n"
        "      on: true,\n"
        "      span: Interval[@2025-01-01T, @2025-12-31T]\n"
        "    },\n"
        "    Tuple {\n"
        "      label: 'limit',\n"
        "      on: false,\n"
        "      span: Interval[@2025-01-01T, @2025-12-31T]\n"
        "    }\n"
        "  }\n"
        "Ward           null\n"
    )
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_expressions_are_chosen_by_name(cql: Cql) -> None:
    """Also private ones, and those of a library that is included."""
    ended = cql("--input", "b.json", "--define", "Hidden", "--define", "C.All")
    assert ended.stdout == "Hidden      7\nCommon.All  { Condition/c (Low back pain) }\n"


def test_explain_shows_the_way(cql: Cql) -> None:
    """The expressions called and what was looked up, below each value."""
    ended = cql("--input", "b.json", "--define", "Has Back Pain", "--explain")
    assert ended.stdout == (
        "Has Back Pain  true\n"
        "    called    Back Pain\n"
        "    retrieved [Condition: code in { http://snomed.info/sct|279039007 }]: 1 found\n"
    )


def test_trace_shows_each_step(cql: Cql) -> None:
    """Where it stands, in which library if in another, its name, the number of the row, and its value."""
    source = PAIN.replace('[Condition: "Pain"]', "C.All P where P.id = 'c'")
    ended = cql("--input", "b.json", "--define", "Has Back Pain", "--trace", pain_cql=source)
    assert ended.stdout.splitlines() == [
        "Has Back Pain  true",
        "    Common:5:13 [Condition]  { Condition/c (Low back pain) }",
        "    Common:5:1 All           { Condition/c (Low back pain) }",
        "    10:21  C.All             { Condition/c (Low back pain) }",
        "    10:21  P [0]             Condition/c (Low back pain)",
        "    10:35  .id [0]           'c'",
        "    10:42  constant [0]      'c'",
        "    10:35  = [0]             true",
        "    10:21  query             { Condition/c (Low back pain) }",
        "    10:1   Back Pain         { Condition/c (Low back pain) }",
        "    11:32  Back Pain         { Condition/c (Low back pain) }",
        "    11:25  exists            true",
        "    11:1   Has Back Pain     true",
    ]


def test_trace_for_machines(cql: Cql) -> None:
    """The steps of all expressions in order, each with its static type; they lead up to an error too."""
    source = "library P\ndefine A: ({ 1 }) N return N\ndefine B: 1 + Ln(0)\n"
    found = json.loads(cql("--trace", "--format", "json", pain_cql=source).stdout)
    step = {"library": "P", "line": 2, "column": 12, "name": "N", "index": 0, "type": "System.Integer", "value": 1}
    assert found["steps"][2] == step
    assert [each["name"] for each in found["steps"]] == [
        *["constant", "List", "N", "N", "query", "A"],
        *["constant", "constant"],
    ]
    assert (found["cut"], found["problems"][0]["line"]) == (False, 3)
    assert "steps" not in json.loads(cql("--format", "json", pain_cql=source).stdout)


def test_a_long_trace_is_cut(cql: Cql, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is whole, the trace is not, and says so."""
    monkeypatch.setattr(trace, "MAX_STEPS", 1)
    ended = cql("--trace", pain_cql="library P\ndefine A: 1 + 2\n")
    assert ended.stdout.splitlines() == ["A  3", "    2:11   constant          1", "    ..."]


def test_without_data_what_hangs_on_it_is_unknown(cql: Cql) -> None:
    """Missing is not absent, and the value says so."""
    ended = cql("--define", "Has Back Pain", "--define", "Hidden", "--explain")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[:3] == [
        "Has Back Pain  null  (lacks data: Condition)",
        "    called    Back Pain",
        "    retrieved [Condition: code in { http://snomed.info/sct|279039007 }]: 0",
    ]
    assert "    missing   Condition" in ended.stdout
    assert "Hidden         7" in ended.stdout


def test_parameters_are_cql(cql: Cql) -> None:
    """By name or `Library.name`; a String needs no quotes, and the value may compute."""
    given = ["Pain.Limit=2 * 3", "Period=Interval[@2024-01-01, @2024-01-31]", "Site=A & E"]
    ended = cql(*[part for each in given for part in ("--parameter", each)], "--format", "json")
    found = {each["name"]: each for each in json.loads(ended.stdout)["defines"]}
    assert found["Ward"]["value"] == "A & E"
    second = found["Summary"]["value"][1]
    assert (second["on"], second["span"]["low"]) == (True, "2024-01-01")


def test_json_has_the_same_for_machines(cql: Cql) -> None:
    """Values, types, what was missing, and with --explain the way."""
    ended = cql("--input", "b.json", "--define", "Has Back Pain", "--format", "json", "--explain")
    assert json.loads(ended.stdout) == {
        "library": "Pain",
        "version": "0.1",
        "defines": [
            {
                "name": "Has Back Pain",
                "type": "System.Boolean",
                "value": True,
                "missing": [],
                "called": ["Back Pain"],
                "retrieved": [
                    {
                        "type": "Condition",
                        "path": "code",
                        "codes": ["http://snomed.info/sct|279039007"],
                        "found": 1,
                        "complete": True,
                    }
                ],
            }
        ],
        "messages": [],
        "problems": [],
    }


def test_all_problems_come_with_line_and_caret(cql: Cql) -> None:
    """In the file where they are, this one or one that it includes."""
    ended = cql(pain_cql="library P\ndefine A: x + 1\ndefine B: [Condition]\n")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("pain.cql:2:11: expression-semantic: the name 'x' does not exist\n")
    assert "    define A: x + 1\n              ^\npain.cql:3:1" in ended.stderr
    assert ended.stderr.endswith("2 problems; the library does not compile\n")
    ended = cql(common_cql=COMMON + "define Bad: 1 +\n")
    assert ended.stderr.startswith("common.cql:7:1: expression-syntax: expected an expression, found the end\n")
    problems = json.loads(cql("--format", "json", common_cql=COMMON + "define Bad: y\n").stdout)["problems"]
    assert [(each["file"], each["line"], each["code"]) for each in problems] == [
        ("common.cql", 6, "expression-semantic")
    ]


def test_what_fails_does_not_stop_the_others(cql: Cql) -> None:
    """The place is beside its name, the message follows; what Message says goes to standard error."""
    first, second = "Message(1, true, 'X', 'Error', 'stop')", "Message(2, true, 'Y', 'Warning', 'mind')"
    source = f"library P\ndefine A: {first}\ndefine B: {second}\n"
    ended = cql(pain_cql=source)
    assert (ended.exit_code, ended.stdout) == (1, "A  failed at pain.cql:2:11\nB  2\n")
    assert ended.stderr.splitlines()[1:] == [
        "Warning Y: mind",
        "pain.cql:2:11: expression-evaluation: X: stop",
        "    define A: Message(1, true, 'X', 'Error', 'stop')",
        "              ^",
    ]
    found = json.loads(cql("--format", "json", pain_cql=source).stdout)
    assert (found["defines"][0]["error"], found["problems"][0]["line"]) == ("X: stop", 2)


def test_elm_and_library_resources_run_too(cql: Cql) -> None:
    """A published library may come as either."""
    elm = json.dumps(dict(translate(parse_library("library E\ndefine X: 1 + 2"), resolve=lambda _name, _version: None)))
    assert cql(file="e.json", e_json=elm).stdout == "X  3\n"
    library = {"resourceType": "Library", "content": [{"contentType": "text/cql", "data": "ZGVmaW5lIFg6IDQ="}]}
    assert cql(file="l.json", l_json=json.dumps(library)).stdout == "X  4\n"


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("1.50", "1.50"),
        ("@2024-01", "@2024-01"),
        ("DateTime(2024)", "@2024T"),
        ("@T10:30", "@T10:30"),
        ("5 'mg'", "5 'mg'"),
        ("3 days", "3 days"),
        ("1 'g':2 'L'", "1 'g':2 'L'"),
        (r"'it\'s \u001b[1m'", r"'it\'s \u001b[1m'"),
        ("System.Code { code: 'a', system: 's', version: '1' }", "Code 'a' from 's' version '1'"),
        (
            "System.Concept { codes: { System.Code { code: 'a' } }, display: 'A' }",
            "Concept { Code 'a' from '' } display 'A'",
        ),
        ("Interval[1, null)", "Interval[1, null)"),
        ("{ } as List<Integer>", "{ }"),
        ("{ 1, null }", "{ 1, null }"),
        ("Tuple { : }", "Tuple { : }"),
        ("days between DateTime(2014, 1, 15) and DateTime(2014, 2)", "16 to 44"),
    ],
)
def test_a_value_is_written_as_cql_has_it(cql: Cql, expression: str, shown: str) -> None:
    """So that it can be copied; what a terminal would act on is escaped."""
    assert cql(pain_cql=f"define D: {expression}\n").stdout == f"D  {shown}\n"


def test_the_clock_can_be_stopped(cql: Cql) -> None:
    """For results that can be repeated."""
    source = HEAD + "context Patient\ndefine N: Now()\ndefine Age: AgeInYears()\n"
    ended = cql("--now", "2000-02-28T10:00:00Z", "--input", "b.json", pain_cql=source)
    assert ended.stdout == "N    @2000-02-28T10:00:00.000Z\nAge  19\n"


def test_one_patient_of_several_is_chosen(cql: Cql) -> None:
    """With --subject."""
    several = bundle(PATIENT, {**PATIENT, "id": "q"}, CONDITION)
    ended = cql("--input", "s.json", "--subject", "q", "--define", "Has Back Pain", s_json=several)
    assert ended.stdout == "Has Back Pain  false\n"
    ended = cql("--input", "s.json", s_json=several)
    assert str(ended.exception) == "s.json: it holds 2 patients: name the one to evaluate for with --subject"


def test_one_resource_is_data_too(cql: Cql) -> None:
    """Whoever has one Patient needs no Bundle."""
    source = HEAD + "context Patient\ndefine Id: Patient.id\n"
    assert cql("--input", "one.json", pain_cql=source, one_json=json.dumps(PATIENT)).stdout == "Id  'p'\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--define", "Sumary"], "Pain has no expression 'Sumary': did you mean 'Summary'?"),
        (["--parameter", "Limits=1"], "Pain has no parameter 'Limits': did you mean 'Limit'?"),
        (
            ["--parameter", "Limit=x"],
            "parameter 'Limit': 1:1: the name 'x' does not exist\n"
            "VALUE is CQL, such as 5, true, @2026-01-31 or Interval[@2026-01-01, @2026-12-31]",
        ),
        (["--input", "x.json"], "x.json: this is no FHIR resource: it has no resourceType"),
        (["--now", "soon"], None),
    ],
)
def test_a_wrong_option_is_told(cql: Cql, options: list[str], told: str | None) -> None:
    """In a sentence with the remedy, before anything is evaluated."""
    ended = cql(*options, x_json="{}")
    assert isinstance(ended.exception, ConfigurationError)
    assert ended.stdout == ""
    assert told is None or str(ended.exception) == told


def test_a_file_that_is_no_library_is_told(cql: Cql) -> None:
    """By its name."""
    ended = cql(file="b.json")
    assert str(ended.exception) == "b.json: this is neither ELM nor a Library that carries CQL"


def test_elm_that_includes_what_is_not_there_is_told(cql: Cql) -> None:
    """ELM comes without a place to point at."""
    elm = {"identifier": {"id": "E"}, "includes": {"def": [{"localIdentifier": "A", "path": "None"}]}}
    ended = cql(file="e.json", e_json=json.dumps(elm))
    assert str(ended.exception) == "e.json: there is no library 'None'; put it beside this one"


def test_value_sets_are_those_of_the_content(cql: Cql) -> None:
    """Which is read only when one is asked for."""
    url = "https://pathway-cds.example/fhir/ValueSet/cond-low-back-pain"
    source = f'library V\n{HEAD}valueset "Pain": \'{url}\'\ncontext Patient\ndefine Pains: [Condition: "Pain"]\n'
    assert cql("--input", "b.json", pain_cql=source).stdout == "Pains  { Condition/c (Low back pain) }\n"
    ended = cql("--input", "b.json", "--content", "none", pain_cql=source)
    assert isinstance(ended.exception, (ConfigurationError, DefinitionError))


def test_a_process_and_a_server_agree(serving: Serving, tmp_path: Path) -> None:
    """The same expression over a real socket and from a real process."""
    file = tmp_path / "x.cql"
    file.write_text("define X: Sum({1.50, 2.50})")
    assert run("cql", file).stdout == "X  4.00\n"
    body = json.dumps(
        {"resourceType": "Parameters", "parameter": [{"name": "expression", "valueString": "Sum({1.50, 2.50})"}]}
    )
    head = "POST /fhir/$cql HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nConnection: close\r\n"
    answer = serving.send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"valueDecimal":4.00' in answer


LIMITS = """resourceType: Library
url: https://example.org/fhir/Library/limits
name: Limits
version: '1'
status: active
type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/library-type", code: logic-library}]}
content: [{contentType: text/cql, url: limits.cql}]
"""
LIMITS_CQL = "library Limits version '1' parameter most Integer default 30 define Days: most"


def test_parameters_are_those_of_the_call_then_of_the_site_then_the_default(
    cql: Cql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CDS_PARAMETERS counts for a library of the content and for those that include it, as in hooks; not for one that
    only has its name."""
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "limits.yaml").write_text(LIMITS)
    (tmp_path / "content" / "limits.cql").write_text(LIMITS_CQL)
    (tmp_path / "site.yaml").write_text("Limits: {most: 21}\n")
    monkeypatch.setenv("CDS_CONTENT", "content")
    uses = "library Uses include Limits version '1' called L define Days: L.most"

    def days(*options: str, file: str) -> str:
        ended = cql(
            "--define",
            "Days",
            *options,
            file=file,
            uses_cql=uses,
            limits_cql=LIMITS_CQL.replace("Integer default 30", "String default 'x'"),
        )
        assert ended.exit_code == 0, ended.output
        return ended.stdout.split()[-1]

    assert days(file="content/limits.cql") == "30"
    monkeypatch.setenv("CDS_PARAMETERS", "site.yaml")
    assert days(file="content/limits.cql") == "21"
    assert days("--parameter", "most=7", file="content/limits.cql") == "7"
    assert days(file="limits.cql") == "'x'"
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "uses.cql").write_text(uses)
    assert days(file="below/uses.cql") == "21"


def test_a_wrong_file_of_the_site_is_told(cql: Cql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at start-up."""
    (tmp_path / "site.yaml").write_text("Limits: {most: 21}\n")
    monkeypatch.setenv("CDS_PARAMETERS", "site.yaml")
    ended = cql("--define", "Ward")
    assert isinstance(ended.exception, DefinitionError)
    assert ended.exception.problems[0].code == "parameters-unknown"


def test_a_library_may_come_on_standard_input(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CQL or ELM; what it includes lies where one is, and problems have their line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "common.cql").write_text("library Common version '1' define One: 1")
    ended = here("cql", "-", stdin=b"include Common version '1' called C\ndefine Two: C.One + 1")
    assert (ended.status, ended.out, ended.err) == (0, "Two  2\n", "")
    wrong = here("cql", "-", stdin=b"define X: 1\ndefine Y: Z")
    assert (wrong.status, wrong.out) == (1, "")
    assert wrong.err.startswith(
        "standard input:2:11: expression-semantic: the name 'Z' does not exist\n    define Y: Z\n"
    )
    elm = json.dumps(dict(translate(parse_library("define X: 3"), resolve=lambda _name, _version: None)))
    assert here("cql", "-", stdin=elm.encode()).out == "X  3\n"
    assert here("cql", "-", stdin=b'{"a": 1,\n}').err.startswith("cds: standard input:1:8: the file is not JSON: ")
    assert here("cql", "-", stdin=b" ").err == "cds: standard input is empty\n"
    assert here("cql", "-", "--input", "-").err.startswith("cds cql: FILE and --input cannot both be standard input.")


def test_a_parameter_keeps_to_the_bounds_that_the_content_says(
    cql: Cql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a library of the content and for one that includes it, with the words of a site's file; null is in no bounds.
    A file elsewhere that only has the name of one is another library."""
    (tmp_path / "content").mkdir()
    most = "{url: 'http://hl7.org/fhir/StructureDefinition/maxValue', valueInteger: 40}"
    bounded = f"{LIMITS}parameter: [{{name: most, use: in, type: integer, extension: [{most}]}}]\n"
    (tmp_path / "content" / "limits.yaml").write_text(bounded)
    (tmp_path / "content" / "limits.cql").write_text(LIMITS_CQL)
    monkeypatch.setenv("CDS_CONTENT", "content")
    uses = "library Uses include Limits version '1' called L define Days: L.most"

    def days(value: str, file: str) -> str:
        ended = cql("--define", "Days", "--parameter", f"most={value}", file=file, limits_cql=LIMITS_CQL)
        return str(ended.exception) if ended.exit_code else ended.stdout.split()[-1]

    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "uses.cql").write_text(uses)
    for file in ("content/limits.cql", "below/uses.cql"):
        assert days("41", file) == "parameter 'most': this is out of bounds (it takes 40 or less)"
        assert (days("40", file), days("null", file)) == ("40", "null")
    assert days("41", "limits.cql") == "41"
