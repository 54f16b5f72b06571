"""Value sets: composition, CSV files, the two URIs of dm+d, and membership."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cds.errors import DefinitionError, Problem
from cds.fhir import DMD, EXPANSION_FILE, SNOMED
from cds.findings import Finding
from cds.terminology import Terminology, build

GRADES: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": "urn:grades",
    "content": "complete",
    "concept": [
        {"code": "mild", "display": "Mild", "concept": [{"code": "slight", "display": "Slight"}]},
        {"code": "bad"},
    ],
}
PARENT = {"code": "parent", "valueCode": "bad"}


def value_set(url: str, *include: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": list(include)}, **more}


def listed(system: str, *codes: str) -> dict[str, Any]:
    return {"system": system, "concept": [{"code": code, "display": code.upper()} for code in codes]}


def expanded(*value_sets: dict[str, Any], files: dict[str, str] | None = None) -> tuple[Terminology, list[Finding]]:
    def read(path: Path) -> bytes:
        if path.name not in (files or {}):
            raise DefinitionError([Problem("file-not-regular", "no such file")])
        return (files or {})[path.name].encode()

    return build([(resource, Path("content/vs.yaml")) for resource in value_sets], [GRADES], read)


def members(*value_sets: dict[str, Any], files: dict[str, str] | None = None) -> set[tuple[str, str]]:
    """The codes of the first of some faultless value sets."""
    terminology, findings = expanded(*value_sets, files=files)
    assert findings == []
    return set(terminology.codes(value_sets[0]["url"]) or ())


def test_includes_are_united_and_excludes_taken_away() -> None:
    """ValueSet.compose: union between includes, then exclude."""
    resource = value_set("urn:v", listed("urn:x", "a", "b"), listed("urn:y", "a"))
    resource["compose"]["exclude"] = [listed("urn:x", "b")]
    assert members(resource) == {("urn:x", "a"), ("urn:y", "a")}


def test_system_without_list_means_all_codes_of_a_local_code_system() -> None:
    """Nested concepts belong to it as well."""
    found = members(value_set("urn:v", {"system": "urn:grades"}))
    assert found == {("urn:grades", "mild"), ("urn:grades", "slight"), ("urn:grades", "bad")}


def test_value_sets_within_one_include_are_intersected() -> None:
    """FHIR R4 ValueSet.compose.include.valueSet: all of one include must hold; several includes are united."""
    first, second = value_set("urn:1", listed("urn:x", "a", "b")), value_set("urn:2", listed("urn:x", "b", "c"))
    assert members(value_set("urn:v", {"valueSet": ["urn:1", "urn:2"]}), first, second) == {("urn:x", "b")}
    both = value_set("urn:v", {"valueSet": ["urn:1"]}, {"valueSet": ["urn:2"]})
    assert len(members(both, first, second)) == 3
    limited = value_set("urn:v", {**listed("urn:x", "a"), "valueSet": ["urn:1"]})
    assert members(limited, first) == {("urn:x", "a")}


def test_an_expansion_counts_where_the_composition_lists_nothing() -> None:
    """Public content often comes expanded, with a filter behind it; what is listed here goes before."""
    pain = {"system": "urn:x", "code": "pain", "display": "Pain", "contains": [{"system": "urn:x", "code": "ache"}]}
    expansion = {"contains": [pain, {"code": "no-system"}, {"system": "urn:x", "code": "group", "abstract": True}]}
    alone = {"resourceType": "ValueSet", "url": "urn:alone", "expansion": expansion}
    assert members(alone) == {("urn:x", "pain"), ("urn:x", "ache")}
    filtered = {"system": "urn:x", "filter": [{"property": "concept", "op": "is-a", "value": "pain"}]}
    assert members(value_set("urn:f", filtered, expansion=expansion)) == members(alone)
    assert members(value_set("urn:l", listed("urn:y", "a"), expansion=expansion)) == {("urn:y", "a")}
    assert members(value_set("urn:i", {"valueSet": ["urn:alone"]}), alone) == members(alone)


def test_csv_file_beside_the_definition_adds_its_rows() -> None:
    """The extension expansion-file: columns in any order, more columns allowed, quotes and line ends of any kind."""
    text = '\ufeffdisplay,code,system,source\r\n"Ay, quoted",a,urn:x,\r\nBee\u2028,b,urn:x,s\r\n'
    resource = value_set("urn:v", listed("urn:x", "c"), extension=[{"url": EXPANSION_FILE, "valueUrl": "c.csv"}])
    assert members(resource, files={"c.csv": text}) == {("urn:x", "a"), ("urn:x", "b"), ("urn:x", "c")}


def test_missing_csv_file_is_told_at_the_extension() -> None:
    """A value set without its file must not silently be empty."""
    resource = value_set("urn:v", extension=[{"url": EXPANSION_FILE, "valueUrl": "gone.csv"}])
    (finding,) = expanded(resource)[1]
    assert (finding.code, finding.path) == ("file-not-regular", ("extension", 0, "valueUrl"))


def test_dmd_numbers_match_under_both_uris() -> None:
    """Terminology README: many UK systems send dm+d numbers with the SNOMED CT URI; match both, for numbers listed as
    dm+d in any set, and only for those."""
    medicines = value_set("urn:m", listed(DMD, "1"), listed(SNOMED, "9"))
    other = value_set("urn:o", listed(SNOMED, "1", "2"))
    terminology, _ = expanded(medicines, other)
    assert terminology.codes("urn:m") == {(DMD, "1"), (SNOMED, "1"), (SNOMED, "9")}
    assert terminology.codes("urn:o") == {(SNOMED, "1"), (DMD, "1"), (SNOMED, "2")}
    assert terminology.display(SNOMED, "1") == "1"
    expansion = terminology.expansion("urn:m")
    assert expansion is not None
    assert set(expansion.displays) == {(DMD, "1"), (SNOMED, "9")}


@pytest.mark.parametrize(
    ("canonical", "system", "code", "answer"),
    [
        ("urn:v", "urn:x", "a", True),
        ("urn:v|1.0", "urn:x", "a", True),
        ("urn:v|9.9", "urn:x", "a", True),
        ("urn:v", "urn:y", "a", False),
        ("urn:v", None, "a", True),
        ("urn:v", None, "z", False),
        ("urn:w", "urn:x", "a", None),
    ],
)
def test_membership_is_true_false_or_unknown(
    canonical: str, system: str | None, code: str, answer: bool | None
) -> None:
    """memberOf: None for a value set that is not loaded, so that the condition is unknown and not false (security
    E8)."""
    terminology, _ = expanded(value_set("urn:v", listed("urn:x", "a"), version="1.0"))
    assert terminology.member(canonical, system, code) is answer


def test_versions_of_one_value_set_are_kept_apart() -> None:
    """An exact version is that one; no version is the one that comes first, the highest."""
    new = value_set("urn:v", listed("urn:x", "n"), version="2")
    old = value_set("urn:v", listed("urn:x", "o"), version="1")
    terminology, _ = expanded(new, old)
    assert terminology.codes("urn:v|1") == {("urn:x", "o")}
    assert terminology.codes("urn:v") == terminology.codes("urn:v|2") == {("urn:x", "n")}


def test_displays_come_from_code_systems_before_value_sets() -> None:
    """What a card shows for a code."""
    terminology, _ = expanded(value_set("urn:v", listed("urn:grades", "mild"), listed("urn:x", "a")))
    assert terminology.display("urn:grades", "mild") == "Mild"
    assert terminology.display("urn:x", "a") == "A"
    assert terminology.display("urn:x", "none") is None


def test_long_chain_of_value_sets_is_told_and_not_followed() -> None:
    """No chain of references, however long, exhausts the stack."""
    chain = [value_set(f"urn:{n}", {"valueSet": [f"urn:{n + 1}"]}) for n in range(500)]
    _, findings = expanded(*chain, value_set("urn:500", listed("urn:x", "a")))
    assert "too-deep" in {finding.code for finding in findings}


def test_incomplete_code_system_cannot_be_included_whole() -> None:
    """ "All codes of" a fragment would silently leave codes out."""
    fragment = {**GRADES, "content": "fragment"}
    _, findings = build([(value_set("urn:v", {"system": "urn:grades"}), Path("v.yaml"))], [fragment])
    assert [(finding.code, finding.path) for finding in findings] == [
        ("code-system-unresolved", ("compose", "include", 0, "system"))
    ]


def test_subsumption_follows_the_hierarchy_of_a_loaded_code_system() -> None:
    """A concept is below the one it is nested in and those that its properties name."""
    grades = {**GRADES, "concept": [*GRADES["concept"], {"code": "awful", "property": [PARENT]}]}
    terminology, _ = build([], [grades])
    assert terminology.subsumes("urn:grades", "mild", "slight") is True
    assert terminology.subsumes("urn:grades", "bad", "awful") is True
    assert terminology.subsumes("urn:grades", "slight", "mild") is False
    assert terminology.subsumes("urn:grades", "bad", "slight") is False
    assert terminology.subsumes("urn:grades", "bad", "none") is None
    assert terminology.subsumes("urn:other", "a", "b") is None
    assert terminology.subsumes("urn:other", "a", "a") is True


def test_a_hierarchy_of_another_meaning_subsumes_nothing() -> None:
    """CodeSystem.hierarchyMeaning says whether nesting is specialisation; a circle ends."""
    terminology, _ = build([], [{**GRADES, "hierarchyMeaning": "part-of"}])
    assert terminology.subsumes("urn:grades", "mild", "slight") is None
    inner = {"code": "inner", "concept": [{"code": "bad"}], "property": [PARENT]}
    terminology, _ = build([], [{**GRADES, "concept": [inner, {"code": "mild"}]}])
    assert terminology.subsumes("urn:grades", "mild", "bad") is False
