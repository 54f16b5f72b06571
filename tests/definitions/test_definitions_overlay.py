"""A site's overlay: codes added to the value sets of the content, and what is wrong with one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cds.definitions.check import check_content
from cds.definitions.snapshot import Snapshot, load_snapshot
from cds.fhir import CANONICAL_BASE, EXPANSION_FILE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

FILE = f"extension:\n  - url: {EXPANSION_FILE}\n    valueUrl: more.csv\n"


def value_set(url: str, *parts: str, version: str = "1") -> str:
    """A ValueSet in YAML; each part is one line below compose.include."""
    head = f"resourceType: ValueSet\nurl: {url}\nversion: '{version}'\nstatus: active\ncompose:\n  include:\n"
    return head + "".join(f"    - {part}\n" for part in parts)


def codes(system: str, *listed: str) -> str:
    return f"{{system: {system}, concept: [{', '.join(f'{{code: {code}}}' for code in listed)}]}}"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "massage.yaml").write_text(value_set("urn:massage", codes("urn:x", "rub", "roll")))
    (folder / "manual.yaml").write_text(value_set("urn:manual", "valueSet: [urn:massage]"))
    return folder


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    folder = tmp_path / "overlay"
    folder.mkdir()
    return folder


def members(content: Path, overlay: Path, url: str) -> set[str]:
    return {code for _, code in load_snapshot(content, overlay).terminology.codes(url) or ()}


def test_what_a_value_set_of_the_same_url_includes_is_added(content: Path, overlay: Path) -> None:
    """Also to the sets composed of it, whatever the overlay's version; the definition stays as authored."""
    (overlay / "local.yaml").write_text(value_set("urn:massage", codes("urn:local", "M1"), version="site-7"))
    assert members(content, overlay, "urn:massage") == {"rub", "roll", "M1"}
    assert members(content, overlay, "urn:massage|1") == {"rub", "roll", "M1"}
    assert members(content, overlay, "urn:manual") == {"rub", "roll", "M1"}
    assert members(content, overlay, "urn:manual|1") == {"rub", "roll", "M1"}
    assert load_snapshot(content, overlay).value_set("urn:massage")["version"] == "1"


def test_what_it_excludes_is_taken_away(content: Path, overlay: Path) -> None:
    """A site takes a stray code out of a set by including the set itself, as FHIR wants an include, and excluding."""
    text = value_set("urn:massage", "valueSet: [urn:massage]") + f"  exclude:\n    - {codes('urn:x', 'roll')}\n"
    (overlay / "local.yaml").write_text(text)
    assert members(content, overlay, "urn:massage") == {"rub"}
    assert members(content, overlay, "urn:manual") == {"rub"}


def test_codes_come_from_a_csv_file_of_the_overlay_too(content: Path, overlay: Path) -> None:
    """The extension expansion-file names a file beside the overlay's ValueSet, told by line when it is wrong."""
    (overlay / "local.yaml").write_text("resourceType: ValueSet\nurl: urn:massage\nstatus: active\n" + FILE)
    (overlay / "more.csv").write_text("system,code,display\nurn:local,M1,Massage\n")
    assert members(content, overlay, "urn:manual") == {"rub", "roll", "M1"}
    (overlay / "more.csv").write_text("system,code,display\nurn:local,M1,Massage\nurn:local,,Massage\n")
    (problem,) = check_content(content, overlay)
    assert (problem.code, problem.location.file, problem.location.line) == ("csv-row", "more.csv", 3)


def test_codes_of_the_site_are_mapped_to_ours(content: Path, overlay: Path) -> None:
    """A ConceptMap, with a CodeSystem and a ValueSet of the site beside it."""
    (overlay / "cs.yaml").write_text(
        "resourceType: CodeSystem\nurl: urn:local\nstatus: active\ncontent: complete\n"
        "concept: [{code: M1, display: Mass}]\n"
    )
    (overlay / "map.yaml").write_text(
        "resourceType: ConceptMap\nurl: urn:map\nstatus: active\ngroup:\n  - source: urn:local\n    target: urn:x\n"
        "    element: [{code: M1, target: [{code: rub, equivalence: equivalent}]}]\n"
    )
    assert members(content, overlay, "urn:manual") == {"rub", "roll", "M1"}
    assert load_snapshot(content, overlay).terminology.display("urn:local", "M1") == "Mass"


def test_a_value_set_of_the_site_can_be_included(content: Path, overlay: Path) -> None:
    """The overlay may have sets of its own, for its additions to name."""
    (overlay / "a.yaml").write_text(value_set("urn:site", codes("urn:local", "M1")))
    (overlay / "b.yaml").write_text(value_set("urn:massage", "valueSet: [urn:site]"))
    assert check_content(content, overlay) == []
    assert members(content, overlay, "urn:manual") == {"rub", "roll", "M1"}


def test_revision_changes_with_the_overlay(content: Path, overlay: Path) -> None:
    """security D5: a log line names the codes that were in force; without an overlay the revision is the content's
    own."""

    def revision(site: Path | None) -> str:
        return load_snapshot(content, site).revision

    (overlay / "local.yaml").write_text(value_set("urn:massage", codes("urn:local", "M1")))
    first = revision(overlay)
    assert first == revision(overlay) != revision(None)
    (overlay / "local.yaml").write_text(value_set("urn:massage", codes("urn:local", "M2")))
    assert revision(overlay) != first


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "severity", "hint"),
    [
        (value_set("urn:masage", codes("urn:local", "M1")), "overlay-value-set", 2, 6, "warning", "'urn:massage'"),
        (
            "resourceType: Library\nurl: urn:l\nstatus: active\ntype: {text: x}\n",
            "overlay-kind",
            1,
            15,
            "error",
            "content",
        ),
        (
            "resourceType: CodeSystem\nurl: urn:massage\nstatus: active\ncontent: complete\n",
            "canonical-duplicate",
            2,
            6,
            "error",
            "url of your own",
        ),
        (
            value_set("urn:massage", codes("urn:local", "M1")).replace("status: active", "stauts: active"),
            "fhir-missing",
            1,
            1,
            "error",
            "status",
        ),
        (value_set("urn:massage", "valueSet: [urn:manaul]"), "canonical-unresolved", 7, 18, "error", "urn:manual"),
        (value_set("urn:massage", "valueSet: [urn:manual]"), "valueset-cycle", 7, 18, "error", "remove"),
        ("resourceType: ValueSet\nurl: [\n", "yaml-syntax", 3, 1, "error", None),
    ],
)
def test_mistakes_are_told_at_their_place(
    text: str, code: str, line: int, column: int, severity: str, hint: str | None, content: Path, overlay: Path
) -> None:
    """`cds check` reads the overlay like content: code, line, column and remedy."""
    (overlay / "local.yaml").write_text(text)
    found = {problem.code: problem for problem in check_content(content, overlay)}
    problem = found[code]
    assert (problem.location.line, problem.location.column, problem.severity) == (line, column, severity)
    assert hint is None or hint in (problem.hint or "")


def test_without_an_overlay_nothing_changes(content: Path) -> None:
    """The snapshot of a content folder alone."""
    assert isinstance(load_snapshot(content), Snapshot)
    assert check_content(content) == []


def test_the_examples_of_the_page_work_on_the_bundled_content(overlay: Path) -> None:
    """docs/terminology.md: each block of YAML is a file of an overlay without a fault, and does what the page says."""
    page = (ROOT / "docs" / "terminology.md").read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)):
        (overlay / f"{number}.yaml").write_text(block)
    snapshot = load_snapshot(ROOT / "plandefinitions", overlay)
    assert snapshot.warnings == ()

    def member(name: str, system: str, code: str) -> bool | None:
        return snapshot.terminology.member(f"{CANONICAL_BASE}/ValueSet/{name}", system, code)

    assert member("med-analgesic", "https://hospital.example/products", "IBU-200")
    assert member("order-radiofrequency-denervation", "https://hospital.example/orders", "RFD-L")
    assert member("med-opioid-any", "http://www.nlm.nih.gov/research/umls/rxnorm", "1010600") is False
