"""The scenario runner from end to end: content and case files on disk, results as `cds test` prints them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cds.cases import find, run
from cds.cases.run import load, run_case
from cds.config import Settings
from cds.errors import DefinitionError
from cds.service import Answer, Engine

PLAN = """\
resourceType: PlanDefinition
id: demo
url: https://example.org/fhir/PlanDefinition/demo
version: 1.0.0
name: Demo
title: Demo
status: active
description: Speaks when a problem is recorded, and at every order.
library: [https://example.org/fhir/Library/demo]
action:
  - id: problem
    title: A problem is recorded
    description: Look at it.
    code: [{coding: [{system: "https://pathway-cds.example/fhir/CodeSystem/decision", code: problem}]}]
    documentation: [{type: citation, label: X01, display: A source}]
    trigger: [{type: named-event, name: patient-view}]
    condition:
      - kind: applicability
        expression: {language: text/fhirpath, expression: "%problems.where(clinicalStatus.exists()).exists()"}
  - id: order
    title: An order is drafted
    code: [{coding: [{system: "https://pathway-cds.example/fhir/CodeSystem/decision", code: order}]}]
    documentation: [{type: citation, label: X02, display: A source}]
    trigger: [{type: named-event, name: order-sign}]
    condition:
      - kind: applicability
        expression: {language: text/fhirpath, expression: "%draftOrders.exists()"}
"""

LIBRARY = """\
resourceType: Library
id: demo
url: https://example.org/fhir/Library/demo
version: 1.0.0
name: DemoLogic
status: active
type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/library-type", code: logic-library}]}
parameter: [{name: guideline, use: in, type: code}]
dataRequirement: [{id: problems, type: Condition}]
"""

CASES = """\
decision: problem
today: 2026-03-02
cases:
  - name: a problem speaks
    hook: patient-view
    data: [{resourceType: Condition, clinicalStatus: active}]
    expect: [{indicator: info, summary: problem}]
  - name: no problem, no card
    hook: patient-view
    silent: all
"""


@pytest.fixture
def content(tmp_path: Path) -> Path:
    root = tmp_path / "content"
    (root / "demo" / "cases").mkdir(parents=True)
    (root / "demo" / "plan.yaml").write_text(PLAN, encoding="utf-8")
    (root / "demo" / "library.yaml").write_text(LIBRARY, encoding="utf-8")
    return root


def write(content: Path, text: str, name: str = "demo.yaml") -> Path:
    file = content / "demo" / "cases" / name
    file.write_text(text, encoding="utf-8")
    return file


def settings(content: Path, **values: Any) -> Settings:
    return Settings(content=content, **values)


def test_cases_run_through_the_live_service(content: Path) -> None:
    """Cases that expect what the service answers pass, with one line each."""
    file = write(content, CASES)
    results = run(content, settings(content))
    assert [result.passed for result in results] == [True, True]
    assert results[0].render() == f"{file}:4:5: passed: a problem speaks"
    assert results[0].cards[0]["summary"] == "A problem is recorded"
    assert results[0].as_dict() == {
        "file": str(file),
        "line": 4,
        "name": "a problem speaks",
        "decision": "problem",
        "passed": True,
    }


def test_a_failed_case_tells_line_expectation_answer_and_trace(content: Path) -> None:
    """Issue 2, 9: a failure is printed with what was expected, what came, and the trace of the condition."""
    file = write(content, CASES.replace("clinicalStatus: active", "onsetDateTime: today").replace("info", "warning"))
    line = 1 + next(number for number, text in enumerate(PLAN.splitlines()) if "clinicalStatus" in text)
    failed, passed = run(content, settings(content))
    assert passed.passed
    assert failed.render().splitlines()[:6] == [
        f"{file}:4:5: case-failed: a problem speaks",
        "  cards: expected problem, got none",
        "    problem: not applicable",
        "      %problems.where(clinicalStatus.exists()).exists(): false",
        f"          (demo/plan.yaml:{line})",
        "        %problems: 1 item: Condition/condition-1",
    ]
    record = failed.as_dict()
    assert record["differences"] == [{"what": "cards", "expected": "problem", "got": "none"}]
    assert record["trace"][0] == "problem: not applicable"


def test_a_path_selects_cases_and_its_content_stays_whole(content: Path) -> None:
    """One file or one folder can be run; the definitions around it are loaded all the same."""
    first = write(content, CASES, "first.yaml")
    write(content, CASES, "second.yaml")
    assert len(run(first, settings(content))) == 2
    assert len(run(content / "demo", settings(content))) == 4


def test_a_folder_elsewhere_is_content_of_its_own(content: Path) -> None:
    """`cds test PATH` needs no setting when PATH is a whole content folder."""
    write(content, CASES)
    assert [result.passed for result in run(content, Settings())] == [True, True]


def test_only_yaml_files_in_folders_named_cases_are_cases(content: Path) -> None:
    """Definitions and notes beside the case files are left alone; files come in order of name."""
    second, first = write(content, CASES, "b.yml"), write(content, CASES, "a.yaml")
    write(content, "notes", "readme.md")
    assert find(content) == [first, second]
    assert find(first.parent) == [first, second]


def test_no_case_files_are_a_problem(content: Path) -> None:
    """A run of nothing must not look like success."""
    with pytest.raises(DefinitionError, match="no case files here"):
        run(content, settings(content))


def test_all_mistakes_of_all_files_are_reported_at_once(content: Path) -> None:
    """Case files are read completely before anything runs."""
    write(content, CASES.replace("decision: problem", "decision: problm"), "a.yaml")
    write(content, CASES.replace("hook: patient-view", "hook: patient-vew", 1), "b.yaml")
    with pytest.raises(DefinitionError) as caught:
        run(content, settings(content))
    problems = caught.value.problems
    assert [(p.location.line, p.hint) for p in problems] == [
        (1, "did you mean 'problem'?"),
        (5, "did you mean 'patient-view'?"),
    ]


def test_settings_of_a_case_are_parameters_of_the_content(content: Path) -> None:
    """A setting that no library declares is a mistake, not a value that nothing reads."""
    write(content, CASES.replace("silent: all", "silent: all\n    settings: {guidelin: nhs}"))
    with pytest.raises(DefinitionError, match="'guidelin' is not known here"):
        run(content, settings(content))


def test_refusals_are_expected_by_status(content: Path) -> None:
    """P6: without required data the call is refused; a case says so, and fails when it is not."""
    text = "decision: problem\ntoday: 2026-03-02\ncases:\n"
    refused = "  - {name: a, hook: patient-view, missing: [Condition], refused: 412}\n"
    answered = "  - {name: b, hook: patient-view, refused: 412}\n"
    unforeseen = "  - {name: c, hook: patient-view, failed: [Condition], silent: all}\n"
    write(content, text + refused + answered + unforeseen)
    first, second, third = run(content, settings(content))
    assert first.passed
    assert str(second.differences[0]) == "answer: expected status 412, got 0 cards"
    assert str(third.differences[0]).startswith("answer: expected cards, got status 412")


def test_data_that_the_service_never_asks_for_fails_the_case(content: Path) -> None:
    """Data that cannot matter would make a case prove less than it seems to."""
    write(content, CASES.replace("silent: all", "silent: all\n    data: [{resourceType: Observation, status: final}]"))
    _, useless = run(content, settings(content))
    expected = "data: expected data of types that demo-patient-view asks for, got Observation"
    assert [str(difference) for difference in useless.differences] == [expected]


def test_drafts_and_missing_data_reach_the_service(content: Path) -> None:
    """Drafts are the context of an order hook; a type on its first page only is not known to be all."""
    write(
        content,
        "decision: order\ntoday: 2026-03-02\ncases:\n"
        "  - {name: a, hook: order-sign, drafts: [{resourceType: ServiceRequest}], expect: [{summary: order}]}\n"
        "  - {name: b, hook: order-sign, drafts: [{resourceType: ServiceRequest, status: revoked}], silent: [order]}\n"
        "  - {name: c, hook: patient-view, partial: [Condition], silent: [problem]}\n",
    )
    assert [result.render() for result in run(content, settings(content)) if not result.passed] == []


def test_a_rule_that_fails_fails_the_case(content: Path) -> None:
    """A card that is missing because its rule broke must not pass as silence."""
    plan = content / "demo" / "plan.yaml"
    plan.write_text(PLAN.replace("%draftOrders.exists()", "(1 | 2).single() = 1"), encoding="utf-8")
    write(
        content,
        "decision: order\ntoday: 2026-03-02\ncases:\n"
        "  - {name: a, hook: order-sign, drafts: [{resourceType: ServiceRequest}], silent: all}\n",
    )
    (result,) = run(content, settings(content))
    assert [difference.what for difference in result.differences] == ["rule order"]


def test_two_answers_that_differ_fail_the_case(content: Path) -> None:
    """B14: the same request gives the same bytes, so every case is asked twice."""

    class Forgetful(Engine):
        calls = 0

        def answer(self, *args: Any, **kwargs: Any) -> Answer:
            answer = super().answer(*args, **kwargs)
            self.calls += 1
            answer.cards[0]["detail"] = f"call {self.calls}"
            return answer

    write(content, CASES)
    engine = Forgetful(settings(content))
    case = load(engine, content)[0]
    differences = [str(difference) for difference in run_case(engine, case).differences]
    assert differences == ["second run: expected the same bytes, got another answer"]


def test_days_are_those_of_the_time_zone_of_the_site(content: Path) -> None:
    """The clock of a case is noon of its day where the site is."""
    plan = content / "demo" / "plan.yaml"
    plan.write_text(PLAN.replace("%draftOrders.exists()", "today() = @2026-03-02"), encoding="utf-8")
    write(
        content,
        "decision: order\ntoday: 2026-03-02\ncases:\n"
        "  - {name: a, hook: order-sign, drafts: [{resourceType: ServiceRequest}], expect: [{indicator: info}]}\n",
    )
    for zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"):
        assert [result.passed for result in run(content, settings(content, timezone=zone))] == [True]


LOGIC = """\
library DemoLogic
using FHIR version '4.0.1'
context Patient
define Problems: [Condition]
define HasProblem: exists Problems
define Counted: Count(Problems)
define Told: Problems P return Tuple { problem: P, since: date from (P.onset as FHIR.dateTime) }
define Fails: Message(1, true, 'x', 'Error', 'It failed')
"""
WITH_CQL = LIBRARY.replace("dataRequirement:", "content: [{contentType: text/cql, url: logic.cql}]\ndataRequirement:")


def defines(expected: str, data: str = "[{resourceType: Condition, id: c1, onsetDateTime: today - 1 d}]") -> str:
    return f"""\
decision: problem
today: 2026-03-02
cases:
  - name: defines
    hook: patient-view
    data: {data}
    defines: {expected}
"""


def run_defines(content: Path, text: str) -> list[str]:
    library = WITH_CQL.replace("id: problems", "id: problemList")
    (content / "demo" / "library.yaml").write_text(library, encoding="utf-8")
    (content / "demo" / "logic.cql").write_text(LOGIC, encoding="utf-8")
    plan = PLAN.replace("%problems", "%Problems")
    (content / "demo" / "plan.yaml").write_text(plan, encoding="utf-8")
    write(content, text)
    (result,) = run(content, settings(content))
    return [str(difference) for difference in result.differences]


def test_a_case_may_say_what_defines_come_to(content: Path) -> None:
    """Issue 4: a case per define. Lists by ids or by parts, numbers, truths, dates; cards do not matter then."""
    expected = "{HasProblem: true, Counted: 1, Problems: [c1], Told: [{problem: c1, since: today - 1 d}]}"
    assert run_defines(content, defines(expected)) == []
    assert run_defines(content, defines("{DemoLogic.HasProblem: false, Problems: []}", "[]")) == []


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        ("{HasProblem: false}", "define HasProblem: expected false, got true"),
        ("{HasProblem: null}", "define HasProblem: expected null, got true"),
        ("{Counted: true}", "define Counted: expected true, got 1"),
        ("{Counted: 2}", "define Counted: expected 2, got 1"),
        ("{Problems: [c2]}", "define Problems: expected [c2], got [c1]"),
        ("{Problems: []}", "define Problems: expected [], got [c1]"),
        ("{Told: [{since: today}]}", "define Told: expected [{since: 2026-03-02}], got"),
        ("{Fails: 1}", "define Fails: expected 1, got DemoLogic:8:"),
    ],
)
def test_a_define_that_comes_to_another_value_fails_the_case(content: Path, expected: str, difference: str) -> None:
    """The difference names the define and both values."""
    (found,) = run_defines(content, defines(expected))
    assert found.startswith(difference)


def test_a_define_that_does_not_exist_is_a_problem_of_the_case(content: Path) -> None:
    """A wrong name is told with the nearest one, at its line."""
    with pytest.raises(DefinitionError) as caught:
        run_defines(content, defines("{HasProblm: true}"))
    (problem,) = caught.value.problems
    assert (problem.location.line, "HasProblem" in (problem.hint or "")) == (7, True)
