"""`cds fhirpath` on files and standard input: items, traces, errors, exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from cli_process import ROOT, environment
from click import Context
from click.testing import CliRunner, Result

from cds.cli import group
from cds.errors import ConfigurationError

PATIENT = {
    "resourceType": "Patient",
    "birthDate": "1980-02-29",
    "name": [{"given": ["Ann", "Bea"], "family": "Cole"}, {"given": ["Nan"]}],
    "contact": [{"name": {"family": "Dean"}}],
}
Ask = Callable[..., Result]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """`ask(expression, *options, file=PATIENT, name="p.json")` runs the verb on a file."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(expression: str, *options: str, file: object = PATIENT, name: str = "p.json") -> Result:
        path = tmp_path / name
        path.write_text(file if isinstance(file, str) else json.dumps(file), encoding="utf-8")
        return CliRunner().invoke(group, ["fhirpath", expression, str(path), *options])

    yield call
    structlog.reset_defaults()  # a verb sets up the logs of its process


def test_each_item_has_type_value_and_place(ask: Ask) -> None:
    """A line per item; the count is a message."""
    ended = ask("name.given | 1.50 | 4 'mg'")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        'string           "Ann"  Patient.name[0].given[0]',
        'string           "Bea"  Patient.name[0].given[1]',
        'string           "Nan"  Patient.name[1].given[0]',
        "System.Decimal   1.50",
        'System.Quantity  {"value":4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}',
    ]
    assert ended.stderr == "5 items\n"


def test_elements_are_shown_below_their_place(ask: Ask) -> None:
    """JSON, indented."""
    assert ask("contact.name").stdout == 'HumanName  Patient.contact[0].name\n  {\n    "family": "Dean"\n  }\n'


def test_nothing_is_nothing_with_a_message(ask: Ask) -> None:
    """An empty result is fine."""
    ended = ask("photo")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "0 items\n")


def test_each_context_has_its_items(ask: Ask) -> None:
    """Below the place of the context item."""
    ended = ask("given.first()", "--context", "name")
    assert ended.stdout.splitlines() == [
        "Patient.name[0]",
        '  string  "Ann"  Patient.name[0].given[0]',
        "Patient.name[1]",
        '  string  "Nan"  Patient.name[1].given[0]',
    ]
    assert ended.stderr == "2 items in 2 contexts\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("x=5", "5"), ("x=five", '"five"'), ('x="5"', '"5"'), ("x=1.50", "1.50"), ("%x=true", "true"), ("x=a=b", '"a=b"')],
)
def test_variables_are_json_or_text(ask: Ask, given: str, expected: str) -> None:
    """`--variable NAME=VALUE`."""
    assert ask("%x", "--variable", given).stdout.split("  ")[1].strip() == expected


def test_a_list_is_several_items(ask: Ask) -> None:
    """And an object can be walked."""
    assert ask("%x.a", "--variable", 'x=[{"a": 1}, {"a": 2}]').stderr == "2 items\n"


def test_the_trace_shows_each_step(ask: Ask) -> None:
    """Line and column, name, index and items; long lists are cut to the line."""
    ended = ask("name.given\n .where($this != 'Ann').first()", "--trace")
    assert ended.stdout.splitlines()[:5] == [
        "1:1    name              Patient.name[0], Patient.name[1]",
        '1:6    given             "Ann", "Bea", "Nan"',
        '2:9    $this [0]         "Ann"',
        '2:18   constant [0]      "Ann"',
        "2:15   != [0]            false",
    ]
    assert ended.stdout.splitlines()[-2:] == ["", 'string  "Bea"  Patient.name[0].given[1]']


def test_trace_lines_fit_the_terminal(ask: Ask) -> None:
    """80 columns are never exceeded, and what is left out is counted."""
    many = {"resourceType": "Patient", "name": [{"family": "A long family name " * 3}] * 9}
    ended = ask("name.family.count()", "--trace", file=many)
    assert all(len(line) <= 80 for line in ended.stdout.splitlines())
    assert "and 4 more" in ended.stdout


def test_trace_output_is_a_message(ask: Ask) -> None:
    """What trace() is given goes to standard error."""
    ended = ask("name.first().given.trace('given').count()")
    assert ended.stdout == "System.Integer  2\n"
    assert ended.stderr.splitlines()[:2] == ["trace given:", '  string  "Ann"  Patient.name[0].given[0]']


@pytest.mark.parametrize(
    ("expression", "options", "message"),
    [
        (
            "name.cnt()",
            [],
            "expression:1:6: expression-semantic: unknown function cnt()\n    name.cnt()\n         ^\n"
            "  hint: did you mean count()?\n",
        ),
        (
            "name\n.where(",
            [],
            "expression:2:8: expression-syntax: expected a value, name or '(', found the end\n"
            "    .where(\n           ^\n",
        ),
        ("name + 1", [], "expression:1:1: expression-evaluation: expected one item, found 2\n"),
        ("1", ["--context", "%x"], "context:1:1: expression-semantic: unknown variable %x\n    %x\n    ^\n"),
    ],
)
def test_errors_show_their_place(ask: Ask, expression: str, options: list[str], message: str) -> None:
    """`expression:line:column: code: message`, the line, a caret, a hint; exit status 1."""
    ended = ask(expression, *options)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(message) if "evaluation" in message else ended.stderr == message


def test_a_failing_expression_shows_how_far_it_came(ask: Ask) -> None:
    """The steps and what trace() was given until then."""
    ended = ask("name.trace('n').family.first().single().abs()", "--trace")
    assert ended.exit_code == 1
    assert [line.split()[1] for line in ended.stdout.splitlines()][-2:] == ["first", "single"]
    assert ended.stderr.startswith("trace n:\n")


def test_a_budget_that_is_used_up_is_a_limit(ask: Ask) -> None:
    """The guards hold here too (security E2, security E5)."""
    many = {"resourceType": "Patient", "name": [{"family": "a"}] * 400}
    assert ": expression-limit: " in ask("name.select(%resource.name)", file=many).stderr


def test_results_for_machines(ask: Ask) -> None:
    """`--format json` has items, trace output and steps; errors too."""
    ended = ask("given.first().trace('t')", "--context", "name.first()", "--trace", "--format", "json")
    item = {"type": "string", "value": "Ann", "path": "Patient.name[0].given[0]"}
    (result,) = json.loads(ended.stdout)["results"]
    assert (result["context"]["path"], result["items"]) == ("Patient.name[0]", [item])
    assert result["trace"] == [{"name": "t", "items": [item]}]
    assert result["steps"][1] == {"line": 1, "column": 7, "name": "first", "items": [item]}
    failed = ask("nme.cnt()", "--format", "json")
    assert (failed.exit_code, failed.stderr) == (1, "")
    (problem,) = json.loads(failed.stdout)["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == ("expression-semantic", 1, 5)


def test_json_keeps_decimals(ask: Ask) -> None:
    """As they were written."""
    weight = '{"resourceType": "Observation", "valueQuantity": {"value": 1.50}}'
    assert '"value": 1.50,' in ask("value.value", "--format", "json", file=weight).stdout


def test_yaml_is_read_as_json(ask: Ask) -> None:
    """A resource as authors write it."""
    ended = ask("name.family", file="resourceType: Patient\nname:\n  - family: Cole\n", name="p.yaml")
    assert ended.stdout == 'string  "Cole"  Patient.name[0].family\n'


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("{", ":1:2: the file is not JSON: "),
        ("[]", "this is no FHIR resource: it has no resourceType"),
        ('{"a": 1}', "this is no FHIR resource: it has no resourceType"),
        ("a: [", ":1:5: "),
        ("", " is empty"),
        ("\x00", ""),
    ],
)
def test_a_file_that_is_no_resource_is_told(ask: Ask, file: str, message: str) -> None:
    """One sentence that names the file, for exit status 2."""
    ended = ask("1", file=file)
    assert isinstance(ended.exception, ConfigurationError)
    assert "p.json" in str(ended.exception)
    assert message in str(ended.exception)


@pytest.mark.parametrize("option", ["--variable=x", "--variable==1", "--release=R3", "--format=xml"])
def test_wrong_options_are_usage_errors(ask: Ask, option: str) -> None:
    """Exit status 2."""
    assert ask("1", option).exit_code == 2


def test_releases_have_their_own_types(ask: Ask) -> None:
    """`--release R5`."""
    photo = {"resourceType": "Patient", "photo": [{"size": 5}]}
    assert ask("photo.size", "--release", "R5", file=photo).stdout.startswith("integer64  5")


def test_member_of_asks_the_content(ask: Ask) -> None:
    """The value sets of the content folder are loaded when they are asked for."""
    unknown = ask("'a'.memberOf('https://example.org/none')")
    assert (unknown.exit_code, unknown.stdout) == (0, "")


def test_a_terminal_is_not_told_what_to_do(ask: Ask) -> None:
    """Control characters in data are escaped."""
    ended = ask("name.family", file={"resourceType": "Patient", "name": [{"family": "\x1b[31m\x9b\u202e"}]})
    assert ended.stdout == 'string  "\\u001b[31m\\u009b\\u202e"  Patient.name[0].family\n'


def test_the_documentation_names_each_option() -> None:
    """docs/fhirpath-lab.md cannot fall behind the verb."""
    page = (ROOT / "docs" / "fhirpath-lab.md").read_text(encoding="utf-8")
    command = group.get_command(Context(group), "fhirpath")
    assert command is not None
    assert all(f"`{option.opts[0]} " in page or f"`{option.opts[0]}`" in page for option in command.params[2:])


def test_a_process_reads_standard_input() -> None:
    """`-` as a real pipe, and the clock of the author's environment; nothing of the service is loaded."""
    program = (
        "import sys\nfrom cds.cli import main\n"
        "sys.argv[1:] = ['fhirpath', 'birthDate <= today() - 46 years', '-']\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'flask', 'gunicorn', 'fhir', 'cds.service'} & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(PATIENT),
        capture_output=True,
        text=True,
        env=environment(CDS_NOW="2026-02-28"),
        check=False,
    )
    assert ended.stdout == "System.Boolean  false\n"
    assert ended.stderr.endswith("[]\n")
