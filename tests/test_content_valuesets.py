"""The packaged value sets: what is in their files, and what the composed ones contain and leave out."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from cds import fhir
from cds.definitions.load import load
from cds.terminology import Terminology, build

pytestmark = pytest.mark.slow

CONTENT = Path(__file__).resolve().parents[1] / "plandefinitions"
VALUE_SETS = CONTENT / "valuesets"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "terminology"
FILES = sorted(VALUE_SETS.glob("*.csv"))

SNOMED = fhir.SNOMED
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
#: Every code of our own code systems.
OWN = {
    (system["url"], concept["code"])
    for system in (yaml.safe_load(file.read_text()) for file in (CONTENT / "codesystems").glob("*.yaml"))
    for concept in system["concept"]
}
SYSTEMS = {SNOMED, fhir.DMD, ICD10CM, ICD10, LOINC, RXNORM, ATC, HCPCS}

#: Codes that are in no verified set, as PyPI simple-icd-10-cm 1.5.0 has them (cond-opioid-use-remission).
SEEN = {
    (ICD10CM, "F11.11"): "Opioid abuse, in remission",
    (ICD10CM, "F11.21"): "Opioid dependence, in remission",
    (ICD10CM, "F11.91"): "Opioid use, unspecified, in remission",
}

# The two tables of the Verhoeff scheme: multiplication in the dihedral group D5, and the permutation per position.
TIMES = "0123456789 1234067895 2340178956 3401289567 4012395678 5987604321 6598710432 7659821043 8765932104 9876543210"
SHIFT = "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258"


def verhoeff_valid(code: str) -> bool:
    times, shift, check = TIMES.split(), SHIFT.split(), 0
    for position, digit in enumerate(reversed(code)):
        check = int(times[check][int(shift[position % 8][int(digit)])])
    return check == 0


def loinc_valid(code: str) -> bool:
    body, _, check = code.partition("-")
    digits = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return (10 - sum(d - 9 if d > 9 else d for d in digits) % 10) % 10 == int(check)


def url(name: str) -> str:
    return f"{fhir.CANONICAL_BASE}/ValueSet/{name}"


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    documents, problems = load(CONTENT)
    assert problems == []
    value_sets = [(d.resource, d.origin) for d in documents if d.kind == "ValueSet"]
    built, findings = build(value_sets, [d.resource for d in documents if d.kind == "CodeSystem"])
    assert findings == []
    return built


@cache
def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def keys(file: Path) -> list[tuple[str, str]]:
    return [(row["system"], row["code"]) for row in rows(file)]


def test_check_digits_tell_right_from_wrong() -> None:
    """The two check-digit functions below accept a known code and refuse the same code with one digit changed."""
    assert verhoeff_valid("279039007")
    assert not verhoeff_valid("279039006")
    assert loinc_valid("72514-3")
    assert not loinc_valid("72514-4")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rows_are_well_formed(file: Path) -> None:
    """Every row has a known system, a code with a right check digit, a display and a source; rows are sorted and
    none stands twice."""
    found = keys(file)
    assert found == sorted(set(found))
    for row in rows(file):
        assert set(row) == {"system", "code", "display", "source"}
        assert row["system"] in SYSTEMS
        assert row["code"].strip() == row["code"] != ""
        assert row["display"].strip() == row["display"] != ""
        assert row["source"]
        if row["system"] in (SNOMED, fhir.DMD):
            assert verhoeff_valid(row["code"]), row["code"]
        if row["system"] == LOINC:
            assert loinc_valid(row["code"]), row["code"]


@pytest.fixture
def verified() -> Path:
    """The folder of the verified terminology."""
    if not SHARED.is_dir():
        pytest.skip("needs the verified terminology (../shared/terminology), which is not beside this checkout")
    return SHARED


def test_every_verified_set_is_there(verified: Path) -> None:
    """Each file of the verified terminology is a value set here, and nothing else is; what could not be verified is
    in none of them."""
    assert {file.name for file in FILES} == {file.name for file in verified.glob("*.csv")} - {"unverified.csv"}
    everywhere = {code for file in FILES for code in keys(file)}
    assert everywhere.isdisjoint(keys(verified / "unverified.csv"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rows_are_those_that_were_verified(file: Path, verified: Path) -> None:
    """No row is invented and none is dropped: system, code and display equal those of the verified terminology, and
    the source is where the code was seen."""

    def content(path: Path) -> set[tuple[str, str, str]]:
        return {(row["system"], row["code"], row["display"]) for row in rows(path)}

    assert content(file) == content(verified / file.name)
    seen = {(row["system"], row["code"]): row["verified_in"] for row in rows(verified / file.name)}
    for row in rows(file):
        assert seen[row["system"], row["code"]].startswith(row["source"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_file_is_the_expansion_of_its_value_set(file: Path, terminology: Terminology) -> None:
    """Every CSV is the whole expansion of the value set that carries its name."""
    expansion = terminology.expansion(url(file.stem))
    assert expansion is not None
    assert sorted(expansion.displays) == keys(file)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        (
            "cond-lumbar-stenosis",
            [(ICD10CM, "M48.061"), (ICD10CM, "M48.05"), (ICD10CM, "M48.00"), (ICD10, "M48.0"), (SNOMED, "76107001")],
            [(ICD10CM, "M48.02"), (ICD10CM, "M48.04"), (ICD10CM, "M99.26"), (ICD10CM, "M99.35"), (SNOMED, "83561009")],
        ),
        (
            "cond-lumbar-spondylolisthesis",
            [(ICD10CM, "M43.16"), (ICD10CM, "M43.19"), (SNOMED, "274152003")],
            [(ICD10CM, "M43.11"), (ICD10CM, "M43.12"), (ICD10CM, "M43.13"), (ICD10CM, "M43.14")],
        ),
        (
            "cond-lumbar-spondyloarthropathy",
            [(ICD10CM, "M45.6"), (ICD10CM, "M45.9"), (ICD10CM, "M45.AB"), (SNOMED, "9631008")],
            [(ICD10CM, "M45.2"), (ICD10CM, "M45.A4"), (ICD10CM, "M46.81")],
        ),
        (
            "cond-facet-joint-lumbar",
            [(ICD10CM, "M47.816"), (ICD10CM, "M47.819"), (SNOMED, "239863005")],
            [(ICD10CM, "M47.812"), (ICD10CM, "M47.894"), (SNOMED, "298253002")],
        ),
        (
            "cond-facet-joint-pain-lumbar-finding",
            [(SNOMED, "279063004"), (SNOMED, "247369005")],
            [(ICD10CM, "M47.816"), (SNOMED, "239863005"), (SNOMED, "298254008")],
        ),
        (
            "cond-specific-cause-low-back",
            [(ICD10CM, "M54.31"), (ICD10CM, "M54.41"), (ICD10CM, "M51.26"), (SNOMED, "279063004")],
            [(ICD10CM, "M43.12"), (ICD10CM, "M54.50"), (ICD10CM, "M47.816"), (SNOMED, "202734002")],
        ),
        (
            "cond-low-back-reason",
            [
                (ICD10CM, "M54.50"),
                (SNOMED, "279039007"),
                (ICD10CM, "M54.31"),
                (ICD10CM, "M47.816"),
                (ICD10CM, "M62.830"),
            ],
            [(ICD10CM, "M54.2"), (ICD10CM, "M47.812"), (ICD10CM, "M43.12"), (ICD10CM, "M62.83")],
        ),
        (
            "cond-serious-spinal-cause",
            [(ICD10CM, "G83.4"), (ICD10CM, "M46.46"), (ICD10CM, "C79.51"), (SNOMED, "207957008")],
            [(ICD10CM, "R33.9"), (ICD10CM, "M54.50")],
        ),
        (
            "finding-red-flags-neuro-acute",
            [(SNOMED, "449813001"), (SNOMED, "236649000"), (ICD10CM, "R33.9")],
            [(SNOMED, "236650000")],
        ),
        ("med-relaxant-or-diazepam", [(RXNORM, "197591"), (ATC, "N05BA01"), (ATC, "M03BX01")], []),
        ("proc-exercise", [(SNOMED, "229065009"), (SNOMED, "229095001")], [(SNOMED, "308447003")]),
        (
            "cond-back-pain",
            [(SNOMED, "279039007"), (SNOMED, "161891005"), (ICD10CM, "M54.50"), (ICD10, "M54.9")],
            [(SNOMED, "279038004"), (SNOMED, "161896000"), (ICD10CM, "M54.6"), (ICD10, "M54.6")],
        ),
        ("cond-nsaid-caution", [(ICD10CM, "E11.9"), (ICD10, "Z87.1"), (SNOMED, "407674008")], [(ICD10CM, "M54.50")]),
        ("allergy-nsaid-any", [(RXNORM, "5640"), (SNOMED, "293586001")], [(SNOMED, "407674008")]),
        ("med-nsaid", [(RXNORM, "5640"), (ATC, "M02AA15")], [(RXNORM, "1191"), (RXNORM, "161")]),
        ("med-nsaid-or-aspirin", [(RXNORM, "1191"), (RXNORM, "7258")], [(RXNORM, "161")]),
        ("med-analgesic", [(RXNORM, "161"), (RXNORM, "5640"), (RXNORM, "2670")], [(RXNORM, "1191"), (RXNORM, "25480")]),
        ("med-analgesic-or-aspirin", [(RXNORM, "161"), (RXNORM, "1191")], [(ATC, "M03BX01")]),
        ("med-opioid-any", [(RXNORM, "995437"), (RXNORM, "7052")], [(RXNORM, "161")]),
        ("med-paracetamol-alone", [(RXNORM, "161"), (ATC, "N02BE01")], [(fhir.DMD, "841911000001103")]),
        ("order-spinal-surgery", [(SNOMED, "239542002"), (SNOMED, "359586003")], [(SNOMED, "180885006")]),
        ("order-spinal-injection", [(SNOMED, "180885006"), (LOINC, "24931-8"), (SNOMED, "405650006")], []),
        ("proc-spinal-steroid-injection", [(SNOMED, "58611004")], [(SNOMED, "405650006")]),
        ("order-traction-lumbar", [(HCPCS, "E0941")], [(HCPCS, "E0840")]),
        ("order-soft-collar", [(HCPCS, "L0120")], [(HCPCS, "L0160")]),
        ("order-heat-or-cold", [(HCPCS, "A9273"), (SNOMED, "229580007"), (SNOMED, "266694003")], []),
        ("order-manual-therapy", [(SNOMED, "44275008")], [(SNOMED, "308447003")]),
    ],
)
def test_composed_sets_hold_and_omit(
    name: str, inside: list[tuple[str, str]], outside: list[tuple[str, str]], terminology: Terminology
) -> None:
    """The sets composed of others keep lumbar and unspecified sites and leave the other regions out, both in SNOMED CT
    and in ICD."""
    codes = terminology.codes(url(name))
    assert codes is not None
    assert codes.issuperset(inside)
    assert codes.isdisjoint(outside)
    everywhere = {code for file in FILES for code in keys(file)}
    assert everywhere.issuperset([*inside, *outside]), "an example that no file lists proves nothing"


def test_no_physiotherapy_referral_counts_as_exercise(terminology: Terminology) -> None:
    """Exercise is active only when exercise is ordered: no code is both exercise and physical therapy."""
    exercise, physical_therapy = (terminology.codes(url(name)) for name in ("proc-exercise", "proc-physical-therapy"))
    assert exercise
    assert physical_therapy
    assert exercise.isdisjoint(physical_therapy)


@pytest.mark.parametrize(
    "name",
    [
        "cond-low-back-reason",
        "cond-low-back-pain-chronic",
        "cond-neck-pain",
        "cond-back-muscle-spasm",
        "cond-spondylolisthesis",
        "cond-serious-spinal-cause",
        "finding-red-flags-neuro-acute",
    ],
)
def test_everything_the_decisions_look_at_is_in_the_common_set(name: str, terminology: Terminology) -> None:
    """cond-back-related narrows which problems are looked at, so it lacks no code of the others."""
    members, related = terminology.codes(url(name)), terminology.codes(url("cond-back-related"))
    assert members
    assert related
    assert members <= related


def test_display_and_code_of_listed_concepts_agree_with_the_rows(terminology: Terminology) -> None:
    """A concept that a YAML file names for exclusion or inclusion carries the display its row has, or that of the
    publication its description names."""
    displays = {(row["system"], row["code"]): row["display"] for file in FILES for row in rows(file)} | SEEN
    documents, _ = load(VALUE_SETS)
    named = [
        (include["system"], concept["code"], concept["display"])
        for document in documents
        for part in ("include", "exclude")
        for include in document.resource.get("compose", {}).get(part, [])
        for concept in include.get("concept", [])
        if not include["system"].startswith(fhir.CANONICAL_BASE)
    ]
    assert named
    for system, code, display in named:
        assert displays[system, code] == display


def test_dmd_numbers_match_under_the_snomed_uri(terminology: Terminology) -> None:
    """Many UK systems send dm+d numbers as SNOMED CT."""
    assert terminology.member(url("med-paracetamol-single"), SNOMED, "10056311000001103")
    assert terminology.member(url("med-analgesic"), SNOMED, "10056311000001103")


def test_each_order_without_a_standard_code_has_one_of_ours_and_a_set_a_site_can_add_to(
    terminology: Terminology,
) -> None:
    """Every code of our own stands in a set whose name begins with order- or finding-, alone or with its kind."""
    names = [file.stem for file in VALUE_SETS.glob("*.yaml") if file.stem.startswith(("order-", "finding-"))]
    local = f"{fhir.CANONICAL_BASE}/CodeSystem/order"
    ours = {code for system, code in OWN if system == local}
    in_sets = {code for name in names for system, code in terminology.codes(url(name)) or () if system == local}
    assert in_sets == ours
    assert {
        "radiofrequency-denervation",
        "epidural-steroid-injection",
        "trigger-point-injection",
        "alexander-technique",
        "therapeutic-ultrasound",
        "percutaneous-electrical-nerve-stimulation",
        "interferential-therapy",
        "iontophoresis",
        "massage",
        "mckenzie-exercises",
        "prescribed-bed-rest",
        "soft-collar",
        "sick-leave",
        "stay-active-advice",
        "fusion-risk-discussed",
        "gp-review",
    } == ours


def test_every_decision_has_override_reasons(terminology: Terminology) -> None:
    """Each decision's reasons have a text, end with disagreement, and every reason is used."""
    system = f"{fhir.CANONICAL_BASE}/CodeSystem/override-reason"
    used = set()
    for _, decision in sorted(code for code in OWN if code[0] == fhir.DECISION_SYSTEM):
        expansion = terminology.expansion(url(f"override-{decision}"))
        assert expansion, decision
        assert all(expansion.displays.values())
        assert [*expansion.displays][-1] == (system, "disagree")
        used |= expansion.codes
    assert used == {code for code in OWN if code[0] == system}


#: NSAIDs without a set of their own, and none that is another form of one with a set.
OTHER_NSAIDS = (
    "aceclofenac|acemetacin|azapropazone|etoricoxib|felbinac|fenbufen|fenoprofen|flurbiprofen|lornoxicam|lumiracoxib|"
    "mefenamic|nimesulide|parecoxib|phenylbutazone|rofecoxib|tenoxicam|tiaprofenic|tolfenamic|valdecoxib"
)
INGREDIENTS = sorted(VALUE_SETS.glob("ingredients/*.csv"))


def named(file: Path) -> set[tuple[str, ...]]:
    """The verified rows of NSAIDs, aspirin and their allergies whose display has the file's ingredient as a word."""
    name = file.stem.removeprefix("ingredient-")
    words = {
        "indometacin": "indometacin|indomethacin",
        "aspirin": "aspirin|acetylsalicylic",
        "other-nsaid": OTHER_NSAIDS,
    }.get(name, name)
    sets = ("med-nsaid-systemic", "med-nsaid-topical", "med-aspirin", "allergy-nsaid-substance", "allergy-nsaid")
    verified = {tuple(row.values())[:3] for other in sets for row in rows(VALUE_SETS / f"{other}.csv")}
    return {row for row in verified if re.search(rf"\b({words})\b", row[2].lower())}


@pytest.mark.parametrize("file", INGREDIENTS, ids=lambda file: file.stem)
def test_ingredient_sets_hold_what_names_the_ingredient(file: Path, terminology: Terminology) -> None:
    """Every row of the sets for NSAIDs, aspirin and their allergies whose display has the ingredient as a word, as it
    stands there, and no other; `other-nsaid` has those with none of the others."""
    expected = named(file)
    if file.stem == "ingredient-other-nsaid":
        expected = expected.difference(*(named(other) for other in INGREDIENTS if other != file))
    assert {tuple(row.values())[:3] for row in rows(file)} == expected
    assert set(keys(file)) == set((terminology.expansion(url(file.stem)) or pytest.fail(file.stem)).displays)


def test_nsaid_caution_says_of_how_many_products_the_ingredient_is_told() -> None:
    """The README of nsaid-caution counts the codes of NSAIDs whose ingredient no set tells, as the files have them."""
    told = {key for file in INGREDIENTS for key in keys(file)}
    nsaids = {key for name in ("med-nsaid-systemic", "med-nsaid-topical") for key in keys(VALUE_SETS / f"{name}.csv")}
    systems = Counter(system for system, _ in nsaids - told)
    words = " ".join((CONTENT / "back-pain" / "nsaid-caution" / "README.md").read_text().split())
    assert set(systems) == {fhir.DMD, ATC}
    assert f"Of the {len(nsaids):,} codes of our two sets of NSAIDs, {systems.total()} say no ingredient" in words
    assert f"{systems[fhir.DMD]} dm+d products, most of them brands, and {systems[ATC]} classes" in words
    assert f"{len(INGREDIENTS) - 1} ingredients can be told apart, and {len(OTHER_NSAIDS.split('|'))} others" in words


def test_there_is_an_ingredient_set_for_each_substance_of_an_nsaid_allergy(terminology: Terminology) -> None:
    """An allergy by RxNorm ingredient is told apart from one to another NSAID."""
    substances = {row["code"] for row in rows(VALUE_SETS / "allergy-nsaid-substance.csv") if row["system"] == RXNORM}
    for code in substances:
        names = [file.stem for file in VALUE_SETS.glob("ingredients/*.csv")]
        assert [terminology.member(url(name), RXNORM, code) for name in names].count(True) == 1
