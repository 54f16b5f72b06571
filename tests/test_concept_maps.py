"""ConceptMaps in membership: products by ingredient, local codes by ours, and what is not counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cds.fhir import DMD, SNOMED
from cds.findings import Finding
from cds.terminology import Terminology, build

RX, LOCAL = "urn:rxnorm", "urn:local"
ODD: dict[str, Any] = {"code": "a", "display": 7, "target": [{"code": ["b"], "equivalence": ["equal"]}]}
IBUPROFEN, PARACETAMOL, CODEINE, COMBINATION = (RX, "5640"), (RX, "161"), (RX, "2670"), (RX, "817579")


def value_set(url: str, *codes: tuple[str, str], without: str | None = None) -> dict[str, Any]:
    include = [{"system": system, "concept": [{"code": code, "display": code}]} for system, code in codes]
    compose: dict[str, Any] = {"include": include}
    if without:
        compose["exclude"] = [{"valueSet": [without]}]
    return {"resourceType": "ValueSet", "url": url, "compose": compose}


def composed(url: str, *included: str, **more: Any) -> dict[str, Any]:
    include = [{"valueSet": [other]} for other in included]
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": include, **more}}


def concept_map(*rows: tuple[tuple[str, str], tuple[str, str]], equivalence: str = "equivalent") -> dict[str, Any]:
    groups = [
        {
            "source": source[0],
            "target": target[0],
            "element": [
                {
                    "code": source[1],
                    "display": f"local {source[1]}",
                    "target": [{"code": target[1], "equivalence": equivalence}],
                }
            ],
        }
        for source, target in rows
    ]
    return {"resourceType": "ConceptMap", "url": "urn:map", "group": groups}


def built(*value_sets: dict[str, Any], maps: list[dict[str, Any]]) -> tuple[Terminology, list[Finding]]:
    return build([(resource, Path("vs.yaml")) for resource in value_sets], concept_maps=maps)


def test_a_product_that_no_set_lists_counts_as_its_ingredient() -> None:
    """It is a member of the set, of sets composed of it, and has the display of its map; other products are not."""
    terminology, findings = built(
        value_set("urn:nsaid", IBUPROFEN),
        composed("urn:analgesic", "urn:nsaid"),
        maps=[concept_map(((RX, "310965"), IBUPROFEN))],
    )
    assert findings == []
    for url in ("urn:nsaid", "urn:analgesic"):
        assert terminology.member(url, RX, "310965") is True
        assert terminology.member(url, None, "310965") is True
        assert (RX, "310965") in (terminology.codes(url) or ())
        assert terminology.member(url, RX, "310966") is False
    assert terminology.display(RX, "310965") == "local 310965"


def test_mapped_codes_are_members_but_not_listed() -> None:
    """What a set shows to people (override reasons) is what its author listed."""
    terminology, _ = built(value_set("urn:v", IBUPROFEN), maps=[concept_map(((RX, "1"), IBUPROFEN))])
    expansion = terminology.expansion("urn:v")
    assert expansion is not None
    assert dict(expansion.displays) == {IBUPROFEN: "5640"}


def test_a_code_that_a_set_lists_keeps_its_sets() -> None:
    """A combination product with a set of its own does not join the set of each ingredient; a warning says so."""
    terminology, findings = built(
        value_set("urn:single", PARACETAMOL),
        value_set("urn:combination", COMBINATION),
        maps=[concept_map((COMBINATION, PARACETAMOL))],
    )
    assert terminology.member("urn:single", *COMBINATION) is False
    assert [(finding.code, finding.severity) for finding in findings] == [("concept-map-source", "warning")]
    assert findings[0].path == ("group", 0, "element", 0, "code")


def test_a_product_of_two_ingredients_joins_both_and_leaves_what_excludes_one() -> None:
    """Exclusion sees mapped codes too: co-codamol is no paracetamol on its own."""
    product = (RX, "999")
    alone = {**value_set("urn:alone", PARACETAMOL, without="urn:opioid")}
    terminology, findings = built(
        alone,
        value_set("urn:opioid", CODEINE),
        value_set("urn:paracetamol", PARACETAMOL),
        maps=[concept_map((product, PARACETAMOL), (product, CODEINE))],
    )
    assert findings == []
    assert terminology.member("urn:paracetamol", *product) is True
    assert terminology.member("urn:opioid", *product) is True
    assert terminology.codes("urn:alone") == {PARACETAMOL}


def test_maps_follow_each_other() -> None:
    """A code of the site leads to a product, and that to its ingredient; a circle ends."""
    terminology, findings = built(
        value_set("urn:v", IBUPROFEN),
        maps=[
            concept_map(((LOCAL, "x"), (RX, "310965")), ((LOCAL, "y"), (LOCAL, "x")), ((LOCAL, "x"), (LOCAL, "y"))),
            concept_map(((RX, "310965"), IBUPROFEN)),
        ],
    )
    assert findings == []
    assert terminology.codes("urn:v") == {IBUPROFEN, (RX, "310965"), (LOCAL, "x"), (LOCAL, "y")}


@pytest.mark.parametrize(
    ("equivalence", "member", "codes"),
    [
        ("equal", True, []),
        ("equivalent", True, []),
        ("wider", True, []),
        ("subsumes", True, []),
        ("narrower", False, ["concept-map-equivalence"]),
        ("specializes", False, ["concept-map-equivalence"]),
        ("inexact", False, ["concept-map-equivalence"]),
        ("relatedto", False, ["concept-map-equivalence"]),
        ("unmatched", False, []),
        ("disjoint", False, []),
    ],
)
def test_only_the_same_or_a_wider_meaning_counts(equivalence: str, member: bool, codes: list[str]) -> None:
    """FHIR R4 concept-map-equivalence reads from source to target: `wider` means that the target is wider."""
    row = concept_map(((LOCAL, "x"), IBUPROFEN), equivalence=equivalence)
    terminology, findings = built(value_set("urn:v", IBUPROFEN), maps=[row])
    assert terminology.member("urn:v", LOCAL, "x") is member
    assert [finding.code for finding in findings] == codes


@pytest.mark.parametrize("listed", [SNOMED, DMD])
@pytest.mark.parametrize("written", [SNOMED, DMD])
def test_targets_and_sources_match_under_both_uris_of_dmd(listed: str, written: str) -> None:
    """dm+d numbers and SNOMED CT codes are one number space; a map may use either."""
    terminology, findings = built(
        value_set("urn:v", (listed, "1")),
        maps=[concept_map(((LOCAL, "x"), (written, "1")), ((DMD, "7"), (listed, "1")))],
    )
    assert findings == []
    assert terminology.member("urn:v", LOCAL, "x") is True
    assert terminology.member("urn:v", SNOMED, "7") is True


def test_mapping_of_an_excluded_code_is_excluded() -> None:
    """What stands for a code goes where the code goes."""
    excluded = value_set("urn:v", IBUPROFEN, PARACETAMOL)
    excluded["compose"]["exclude"] = [{"system": RX, "concept": [{"code": PARACETAMOL[1]}]}]
    rows = concept_map(((LOCAL, "i"), IBUPROFEN), ((LOCAL, "p"), PARACETAMOL))
    terminology, _ = built(excluded, maps=[rows])
    assert terminology.codes("urn:v") == {IBUPROFEN, (LOCAL, "i")}


def test_wrong_shapes_are_passed_over() -> None:
    """The structure check tells them; membership must not fail on them."""
    shapes: list[Any] = [
        None,
        1,
        [],
        [1],
        [{"source": "s", "target": "t", "element": [{"code": 1, "target": [{}, 2]}, ODD, 3]}],
    ]
    for group in shapes:
        terminology, findings = built(value_set("urn:v", IBUPROFEN), maps=[{"group": group}])
        assert findings == [] or findings[0].code == "concept-map-equivalence"
        assert terminology.codes("urn:v") == {IBUPROFEN}
