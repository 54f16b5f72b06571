"""Case files read into cases, and each way in which a case file can be wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cds import fhir
from cds.cases.expand import Words
from cds.cases.model import Case
from cds.cases.read import Known, read_cases
from cds.cql.declared import Declarations
from cds.definitions.load import in_memory
from cds.definitions.nodes import CODES
from cds.definitions.registry import Registry
from cds.errors import Problem

CODE = re.compile(r'"(case-[a-z]+)"')
PARAMETERS = {
    "resourceType": "Library",
    "name": "Pain",
    "parameter": [
        {"name": "guideline", "use": "in", "type": "string"},
        {"name": "days", "use": "in", "type": "integer"},
    ],
}
KNOWN = Known(
    decisions=frozenset({"bed-rest", "stay-active"}),
    services={f"demo-{hook}": hook for hook in ("patient-view", "order-sign", "order-select")},
    settings=Declarations(Registry([in_memory(PARAMETERS)])),
    rows=frozenset({"N01"}),
    display=lambda system, code: "Low back pain" if code == "279039007" else None,
)

HEAD = """\
decision: bed-rest
today: 2026-03-02
resources:
  lbp: {resourceType: Condition, code: {snomed: 279039007}, clinicalStatus: active}
"""


def read(tmp_path: Path, text: str) -> tuple[list[Case], list[Problem]]:
    file = tmp_path / "cases.yaml"
    file.write_text(text, encoding="utf-8")
    return read_cases(file, KNOWN)


def one(tmp_path: Path, body: str) -> Case:
    cases, problems = read(tmp_path, HEAD + "cases:\n" + body)
    assert problems == []
    assert len(cases) == 1
    return cases[0]


def test_a_case_names_shared_resources_and_fills_in_what_goes_without_saying(tmp_path: Path) -> None:
    """Named resources keep their name as id; subject, draft status and intent are filled in; the service follows from
    the hook."""
    case = one(
        tmp_path,
        """
  - name: a
    hook: order-sign
    data: [lbp, {resourceType: ServiceRequest, status: active, intent: plan}]
    drafts: [{resourceType: ServiceRequest, code: {local: prescribed-bed-rest}}]
    silent: [bed-rest]
""",
    )
    assert case.service == "demo-order-sign"
    condition, request = case.data
    assert (condition["id"], condition["subject"]) == ("lbp", {"reference": "Patient/p1"})
    assert condition["code"]["coding"][0]["display"] == "Low back pain"
    assert (request["id"], request["status"], request["intent"]) == ("servicerequest-2", "active", "plan")
    draft = case.drafts[0]
    assert (draft["id"], draft["status"], draft["intent"]) == ("draft-1", "draft", "order")
    assert case.patient == {"resourceType": "Patient", "id": "p1", "birthDate": "1986-03-01"}


def test_a_resource_like_another_replaces_and_removes(tmp_path: Path) -> None:
    """`like` copies a named resource: own members replace its members, null ones are left out, the id is not shared."""
    case = one(
        tmp_path,
        """
  - name: a
    hook: patient-view
    patient: {id: p7}
    data: [{like: lbp, verificationStatus: refuted, clinicalStatus: null}, {like: lbp, subject: Patient/p2}]
    silent: all
""",
    )
    refuted, foreign = case.data
    assert refuted["id"] == "condition-1"
    assert "clinicalStatus" not in refuted
    assert refuted["verificationStatus"]["coding"][0]["code"] == "refuted"
    assert refuted["subject"] == {"reference": "Patient/p7"}
    assert foreign["subject"] == {"reference": "Patient/p2"}
    assert case.silent_all


def test_medicines_of_a_draft_bundle_are_not_made_orders(tmp_path: Path) -> None:
    """A Medication beside the drafts gets neither a patient nor an intent."""
    case = one(
        tmp_path,
        """
  - name: a
    hook: order-sign
    drafts: [{resourceType: Medication, id: m, code: {atc: N05BA01}}]
    silent: [bed-rest]
""",
    )
    assert case.drafts[0].keys() == {"resourceType", "id", "code"}


def test_selections_name_drafts_by_id(tmp_path: Path) -> None:
    """A selection is written as the id of a draft or as a whole reference."""
    case = one(
        tmp_path,
        """
  - name: a
    hook: order-select
    drafts: [{resourceType: ServiceRequest}, {resourceType: ServiceRequest, id: x}]
    selections: [draft-1, ServiceRequest/x]
    silent: [bed-rest]
""",
    )
    assert case.selections == ("ServiceRequest/draft-1", "ServiceRequest/x")


def test_expected_cards_are_read_with_their_suggestions(tmp_path: Path) -> None:
    """Cards take the decision of the file; actions are words, or a mapping with what the resource must hold."""
    case = one(
        tmp_path,
        """
  - name: a
    hook: order-sign
    settings: {guideline: spine}
    expect:
      - indicator: warning
        summary: bed rest
        not_detail: [operation]
        override_reasons: [disagree]
        suggestions:
          - label: Remove
            recommended: true
            actions:
              - delete ServiceRequest/draft-1
              - {create: ServiceRequest, with: {code: {local: stay-active-advice}, patientInstruction: keep moving}}
      - decision: stay-active
""",
    )
    card, other = case.expect
    assert (card.decision, card.indicator, card.summary, card.override_reasons) == (
        "bed-rest",
        "warning",
        ("bed rest",),
        ("disagree",),
    )
    assert other.decision == "stay-active"
    assert other.suggestions is None
    suggestions = card.suggestions
    assert suggestions is not None
    assert suggestions[0].recommended
    delete, create = suggestions[0].actions or ()
    assert (delete.kind, delete.target) == ("delete", "ServiceRequest/draft-1")
    assert create.content is not None
    assert create.content["code"]["coding"][0]["system"] == f"{fhir.CANONICAL_BASE}/CodeSystem/order"
    assert isinstance(create.content["patientInstruction"], Words)
    assert case.settings == {"guideline": "spine"}


CASE = HEAD + "cases:\n  - name: a\n    hook: order-sign\n    silent: [bed-rest]\n"


@pytest.mark.parametrize(
    ("text", "line", "code", "message"),
    [
        ("decision: bed-rest\ntoday: 2026-03-02\n", 1, "case-missing", "no 'cases'"),
        ("today: 2026-03-02\ncases: []\n", 1, "case-missing", "names no decision"),
        ("decision: bed-rest\ncases: []\n", 1, "case-missing", "names no date"),
        ("decision: bed-rest\ntoday: tomorrow\ncases: []\n", 2, "case-value", "'tomorrow' is no date"),
        ("decision: bedrest\ntoday: 2026-03-02\ncases: []\n", 1, "case-unknown", "no decision 'bedrest'"),
        ("- a\n", 1, "case-type", "names with values are expected"),
        ("decision: bed-rest\ntoday: 2026-03-02\ncase: []\ncases: []\n", 3, "case-unknown", "'case' is not known"),
        ("decision: a\n  b: [\n", 2, "yaml-syntax", "mapping values"),
        (HEAD + "cases:\n  - hook: order-sign\n    silent: all\n", 6, "case-missing", "has no name"),
        (HEAD + "cases:\n  - name: a\n    silent: all\n", 6, "case-missing", "has no hook"),
        (HEAD + "cases:\n  - name: a\n    hook: order-sign\n", 6, "case-empty", "expects nothing"),
        (CASE.replace("order-sign", "order-sing"), 7, "case-unknown", "no hook 'order-sing'"),
        (CASE + "    expct: []\n", 9, "case-unknown", "'expct' is not known here"),
        (CASE + "    data: [lbpp]\n", 9, "case-unknown", "no resource is named 'lbpp'"),
        (CASE + "    data: [{like: lbpp}]\n", 9, "case-unknown", "no resource is named 'lbpp'"),
        (CASE + "    data: lbp\n", 9, "case-type", "a list is expected"),
        (CASE + "    missing: [Conditions]\n", 9, "case-unknown", "no resource type 'Conditions'"),
        (CASE + "    selections: [draft-1]\n", 9, "case-value", "'order-sign' has no selections"),
        (CASE + "    settings: {days: soon}\n", 9, "case-type", "days: this is not of type System.Integer"),
        (CASE + "    near_miss_of: [N02]\n", 9, "case-unknown", "there is no row 'N02'"),
        (CASE + "    settings: {guidelines: nhs}\n", 9, "case-unknown", "'guidelines' is not known here"),
        (CASE + "    service: demo-order\n", 9, "case-unknown", "no service 'demo-order'"),
        (CASE + "    refused: 412\n", 9, "case-value", "a refusal is a status"),
        (CASE + "    expect: [{indicator: warn}]\n", 9, "case-unknown", "no indicator 'warn'"),
        (CASE + "    expect: [{decision: rest}]\n", 9, "case-unknown", "no decision 'rest'"),
        (CASE + "    expect: [{summary: 3}]\n", 9, "case-type", "a text is expected"),
        (CASE + "    expect: [{suggestions: [{lable: x}]}]\n", 9, "case-unknown", "'lable' is not known here"),
        (CASE + "    expect: [{suggestions: [{recommended: maybe}]}]\n", 9, "case-type", "true or false"),
        (CASE + "    expect: [{suggestions: [{actions: [remove A/b]}]}]\n", 9, "case-value", "'remove' is not a kind"),
        (CASE + "    expect: [{suggestions: [{actions: [create A/b]}]}]\n", 9, "case-value", "what a create can be"),
        (CASE + "    expect: [{suggestions: [{actions: [create Servic]}]}]\n", 9, "case-unknown", "not a FHIR"),
        (CASE + "    expect: [{suggestions: [{actions: [{with: {}}]}]}]\n", 9, "case-type", "one of create, update"),
        (CASE + "  - name: a\n    hook: patient-view\n    silent: all\n", 9, "case-value", "two cases are named 'a'"),
        (HEAD.replace("lbp:", "l_b_p:") + "cases: []\n", 4, "case-value", "cannot be an id"),
    ],
)
def test_each_mistake_is_reported_at_its_line(tmp_path: Path, text: str, line: int, code: str, message: str) -> None:
    """Every kind of mistake in a case file is a problem with its line, a message and, as a rule, a remedy."""
    _, problems = read(tmp_path, text)
    found = [(p.location.line, p.code) for p in problems if message in p.message]
    assert found == [(line, code)], [str(problem) for problem in problems]


def test_a_selection_of_no_draft_is_reported(tmp_path: Path) -> None:
    """A selection that is no draft's id would silently select nothing."""
    text = HEAD + "cases:\n  - name: a\n    hook: order-select\n    selections: [draft-1]\n    silent: [bed-rest]\n"
    _, problems = read(tmp_path, text)
    assert [(p.location.line, p.code) for p in problems] == [(8, "case-unknown")]


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """A missing file, one that is not UTF-8 and one with several documents are problems, not crashes."""
    _, problems = read_cases(tmp_path / "none.yaml", KNOWN)
    assert problems[0].code == "case-file"
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe4\n")
    assert read_cases(tmp_path / "latin.yaml", KNOWN)[1][0].message.endswith("it is not UTF-8")
    assert "2 YAML documents" in read(tmp_path, "a: b\n---\nc: d\n")[1][0].message


def test_the_page_on_case_files_lists_every_problem_code() -> None:
    """Habit 28: docs/cases.md and the reader know the same codes."""
    root = Path(__file__).resolve().parents[2]
    used = {code for file in (root / "cds" / "cases").glob("*.py") for code in CODE.findall(file.read_text())}
    used |= {f"case-{code}" for code in CODES}
    listed = set(re.findall(r"^\| `(case-[a-z]+)`", (root / "docs" / "cases.md").read_text(), re.MULTILINE))
    assert used | {"case-failed"} == listed  # which is no problem of the file


def test_the_example_of_the_page_can_be_read(tmp_path: Path) -> None:
    """The example in docs/cases.md is a case file without a problem."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "cases.md").read_text()
    cases, problems = read(tmp_path, page.split("```yaml\n")[1].split("```")[0])
    assert problems == []
    assert [case.name for case in cases] == ["Bed rest without an end is advised against", "A cancelled draft"]
