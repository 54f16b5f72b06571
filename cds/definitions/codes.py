"""Every problem code an author can meet, with what it means, an example and the remedy; docs/problems.md is made of it.

`python -m cds.definitions.codes > docs/problems.md` writes the page."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from cds import fhir


@dataclass(frozen=True, slots=True)
class Code:
    """One row of docs/problems.md."""

    meaning: str
    example: str
    remedy: str


CODES: dict[str, Code] = {
    "action-id-duplicate": Code(
        "two actions of one plan have the same id", "`id: warn` twice", "give each action its own id"
    ),
    "action-title-missing": Code(
        "an action shows nothing: no title, no actions below it, no definition",
        "an action with only a condition",
        "add `title:`",
    ),
    "action-type": Code("an action type that no card can carry", "`code: fire-event`", "use create, update or remove"),
    "action-unreachable": Code(
        "warning: an action whose hooks are none of those of the action above it",
        "a trigger `order-sign` below one with `patient-view`",
        "remove its trigger, or add the hook above",
    ),
    "activity-kind": Code(
        "an ActivityDefinition whose kind makes no draft resource",
        "`kind: Medication`",
        "use ServiceRequest, MedicationRequest, Task, CommunicationRequest or another request",
    ),
    "bundle-type": Code(
        "a Bundle that is no collection, transaction or batch, or one inside another",
        "`type: searchset`",
        "set `type: collection`",
    ),
    "canonical-duplicate": Code(
        "two definitions have the same url and version", "a copied file", "change the url or the version of one"
    ),
    "canonical-unresolved": Code(
        "a reference by canonical url leads to nothing that is loaded, or to the wrong type",
        "`library: [.../Library/comon]`",
        "correct the url, or add the definition",
    ),
    "card-documentation-missing": Code(
        "warning: a card that cannot say where its advice comes from",
        "an action with a title and no `documentation:`",
        "add documentation with type, display and citation",
    ),
    "card-title-missing": Code(
        "warning: an action that makes a resource and shows no card",
        "`definitionCanonical:` without `title:`",
        "add `title:`",
    ),
    "card-topic": Code(
        "warning: a coding of an action's code without system or code, so that the card has no topic of its own",
        "`code: [{coding: [{code: bed-rest}]}]`",
        "add `system:` and `code:`",
    ),
    "code-never": Code(
        "warning: an element compared with a code that it can never hold", "`status = 'actve'`", "correct the code"
    ),
    "code-system-unresolved": Code(
        "a value set wants all codes of a code system that is not loaded completely",
        "`include: [{system: http://snomed.info/sct}]`",
        "list the codes, or name a CSV file in the extension expansion-file",
    ),
    "code-unknown": Code(
        "a code does not exist in the loaded code system (a warning outside of value sets)",
        "`code: too-yung`",
        "correct the code",
    ),
    "concept-map-equivalence": Code(
        "warning: a mapping to something narrower or merely related, which is not counted",
        "`equivalence: relatedto`",
        "write equal, equivalent, wider or subsumes where it is true",
    ),
    "concept-map-source": Code(
        "warning: a mapping of a code that a value set lists; a listed code keeps its sets",
        "a map of a product that has its set",
        "add the code to other sets with a ValueSet, or leave it",
    ),
    "concept-map-system-missing": Code(
        "a group of a ConceptMap without its source or target system", "no `source:`", "add the system"
    ),
    "concept-map-target": Code(
        "warning: a mapping to a code that stands in no value set", "a mistyped code", "correct the code, or leave it"
    ),
    "concept-map-unsupported": Code(
        "a mapping that depends on more than the code", "`dependsOn`, `unmapped`", "list the codes"
    ),
    "condition-constant": Code(
        "warning: a condition that comes to the same for every patient",
        "`exists X or true`",
        "remove it, or ask for what it should depend on",
    ),
    "condition-kind": Code("warning: a condition that is not evaluated", "`kind: start`", "use `kind: applicability`"),
    "content-missing": Code(
        "the content folder does not exist", "`--content no/such/folder`", "name a folder of definitions"
    ),
    "csv-duplicate": Code("a CSV file lists a code twice", "two equal rows", "remove one of the rows"),
    "csv-header": Code(
        "a CSV file lacks one of the columns system, code, display", "no first line", "begin with system,code,display"
    ),
    "csv-row": Code(
        "a CSV row has no system or code, or another number of fields than the header",
        "`http://snomed.info/sct,,Back pain`",
        "complete the row; put text with commas in double quotes",
    ),
    "csv-syntax": Code("a CSV file has open or misplaced quotes", '`a,"b` at the end', "close the quotes"),
    "data-filter": Code(
        "a data requirement narrowed by an element that its type does not have, or in a way that is not supported",
        "`codeFilter: [{path: code, code: [...]}]`",
        "use one codeFilter with a valueSet, and filter the rest in an expression",
    ),
    "define-unused": Code(
        "warning: a define, function, parameter, value set or code that CQL declares and nothing uses",
        "a define whose name is misspelt elsewhere",
        "remove it, or correct the place that should use it",
    ),
    "definition-cycle": Code(
        "plans name each other in a circle", "a plan whose action defines itself", "remove one of the references"
    ),
    "definition-retired": Code(
        "warning: a definition that is retired and loaded all the same",
        "`status: retired`",
        "set another status, or remove the file",
    ),
    "definition-unused": Code(
        "warning: an ActivityDefinition or Library that nothing refers to",
        "a mistyped `definitionCanonical:`",
        "refer to it, or remove it",
    ),
    "documentation-label-missing": Code(
        "warning: an action's documentation cites no row, where the content has a catalogue",
        "`type: citation` alone",
        "add `label: N05`",
    ),
    "duplicate-key": Code("a name stands twice in one object", "`title:` twice", "keep one, or make it a list"),
    "dynamic-value-path": Code(
        "a dynamic value has no path, or one of an element that is not there",
        "`path: action/title`",
        "write a path such as action.title or dosageInstruction[0].text",
    ),
    "expression-language": Code(
        "an expression in a language that is not supported",
        "`language: application/x-fhir-query`",
        "write it in text/fhirpath, text/cql or text/cql-identifier",
    ),
    "expression-missing": Code(
        "a condition, dynamic value or extension without expression text",
        "`kind: applicability` alone",
        "add language and expression",
    ),
    "expression-semantic": Code(
        "an expression or a line of CQL parses, but a name, an element, a function or its arguments do not exist or do "
        "not fit; or a condition that is no truth",
        "`%backPian.exists()`",
        "correct the name; define it in a library that the plan lists",
    ),
    "expression-syntax": Code("an expression does not parse", "`%pain.exists(`", "correct it at the marked column"),
    "extension-unknown": Code(
        "an extension under our own base that does not exist", "`url: .../for-eech`", "correct the url"
    ),
    "extension-value": Code(
        "one of our extensions lacks its kind of value",
        "expansion-file with valueString",
        "give the value[x] that the message names",
    ),
    "fhir-cardinality": Code(
        "a list where FHIR has one value, or one value where FHIR has a list",
        "`trigger: {type: named-event}`",
        "begin each item of a list with `- `; give one value otherwise",
    ),
    "fhir-choice": Code(
        "two forms of a choice element are given", "definitionUri beside definitionCanonical", "keep one of them"
    ),
    "fhir-code-unknown": Code(
        "a code that is not in the required FHIR value set", "`priority: high`", "use one of the codes named"
    ),
    "fhir-empty": Code("an element without a value", "`title:` and nothing after it", "give it a value or remove it"),
    "fhir-invalid": Code("fhir.resources refuses the resource for a reason not listed here", "-", "see the message"),
    "fhir-missing": Code("a required element is missing", "no `status:`", "add the element"),
    "fhir-type": Code(
        "an element of the wrong type", "`title: 12`", "put text in quotes; write numbers and true or false without"
    ),
    "fhir-unknown-element": Code(
        "FHIR has no element of that name there", "`titel:`", "use the nearest name, or move it to where it belongs"
    ),
    "fhir-value": Code("a value in the wrong format", "`date: 1 May 2026`", "write it as the hint says"),
    "file-empty": Code("a definition file holds nothing", "a file of comments", "remove it or write a resource"),
    "file-encoding": Code("a file is not UTF-8", "a file saved as Latin-1", "save it as UTF-8"),
    "file-not-regular": Code(
        "a file is missing, or a device, socket or pipe", "`valueUrl: gone.csv`", "name a file that is there"
    ),
    "file-outside-root": Code(
        "a link or file name leads out of the content folder", "`valueUrl: ../../x.csv`", "copy the file into it"
    ),
    "file-too-big": Code("a file is larger than 5 MB", "a whole release file", "split it; put codes into CSV files"),
    "file-unreadable": Code("the operating system refuses to read a file", "no permission", "change the permission"),
    "hook-missing": Code("a trigger without a hook name", "`type: named-event` alone", "add `name: patient-view`"),
    "hook-unknown": Code(
        "warning: a hook that cds-hooks.org does not publish", "`name: patient-veiw`", "correct the name"
    ),
    "ignore-invalid": Code(
        "warning: a comment or extension that should silence a problem, without a reason or with an unknown code",
        "`# cds: ignore define-unused`",
        "write `# cds: ignore define-unused: reason`",
    ),
    "ignore-unused": Code(
        "warning: a comment or extension that silences nothing", "the problem was corrected", "remove it"
    ),
    "json-syntax": Code("a file is not JSON", "a comma before `}`", "correct it at the marked column"),
    "library-content": Code(
        "the CQL or ELM of a library cannot be read",
        "`content: [{contentType: text/cql}]`",
        "name a file beside the library with `url:`",
    ),
    "library-cycle": Code(
        "libraries depend on each other in a circle", "`depends-on` itself", "remove one of the references"
    ),
    "library-name": Code(
        "a library with CQL has no name, or its CQL says another name or version",
        "`name: Pain` and `library Pane`",
        "write the same name and version in both",
    ),
    "number-range": Code("a number that JSON readers cannot hold", "`1e999`", "write it as text in quotes"),
    "overlay-kind": Code(
        "a definition in the overlay that is no terminology",
        "a PlanDefinition there",
        "put it into the content folder",
    ),
    "overlay-value-set": Code(
        "warning: a ValueSet of the overlay that adds to none of the content", "a mistyped url", "correct the url"
    ),
    "override-reason-display": Code(
        "an override reason without the text a clinician chooses it by", "`- code: other`", "add `display:`"
    ),
    "parameter-bounds": Code(
        "minValue or maxValue of a parameter is of another type, leaves no value, or leaves the default out",
        "`maxValue` 365 where the default is 400",
        "correct the bound, or the default",
    ),
    "parameters-file": Code(
        "the site's file of parameters cannot be read", "a file of several documents", "correct it"
    ),
    "parameters-type": Code(
        "the site gives a parameter a value that it cannot have: of another type, or out of its bounds",
        "`shortTermDays: two weeks`, `shortTermDays: -3`",
        "write what the hint says",
    ),
    "parameters-unknown": Code(
        "the site gives a value to a parameter, or names a Library, that does not exist",
        "`shortTermDay: 21`",
        "correct the name",
    ),
    "plan-description-missing": Code(
        "a plan that is a service has no description (warning when another plan collects it)",
        "no `description:`",
        "say what the service advises on",
    ),
    "plan-without-hook": Code(
        "warning: a plan that no hook calls and no other plan collects", "no `trigger:`", "add a trigger"
    ),
    "precheck-several": Code(
        "warning: two recommended suggestions of which one may be taken: only the first is recommended",
        "`precheckBehavior: yes` twice",
        "keep one, or set `selectionBehavior: any`",
    ),
    "query-pattern": Code(
        "a search in cqf-fhirQueryPattern that is not by patient, or that many servers do not understand",
        "`Observation?patient={{context.patientId}}&code:below=8302-2`",
        "use `patient={{context.patientId}}`, equality, dates with `ge`, `gt`, `le` or `lt`, `_count`, `_sort`",
    ),
    "resource-expected": Code("a file holds a list or text", "`- a`", "write one resource per file or document"),
    "resource-type-missing": Code(
        "a file names no resourceType (warning when it does not look like a definition)",
        "`resourcetype: Library`",
        "add resourceType",
    ),
    "resource-type-other": Code(
        "information: a resource that is no definition and is passed over, as SUSHI and examples leave them",
        "an ImplementationGuide, a Patient",
        "none; patients for tests belong into a folder named cases",
    ),
    "resource-type-unknown": Code(
        "a resource that is not a kind of definition", "`resourceType: PlanDefinitoin`", "correct the type"
    ),
    "retrieve-unserved": Code(
        "warning: data that no prefetch template can ask for, because its type is not searched by patient",
        "`[Medication]`",
        "retrieve what refers to it",
    ),
    "row-not-cited": Code(
        "warning: a row of the catalogue that no action cites",
        "a row without a decision",
        "add documentation with that label",
    ),
    "row-unknown": Code(
        "warning: a citation of a row that the catalogue does not have", "`label: N99`", "correct the label"
    ),
    "selection-behavior-missing": Code(
        "warning: a card with several suggestions that does not say how many may be taken",
        "two actions below one",
        "add `selectionBehavior:` at-most-one, any or all",
    ),
    "service-id": Code(
        "the last part of a plan's url cannot be the id of a service, or is taken", "`.../back pain`", "change the url"
    ),
    "summary-too-long": Code(
        "a card's title has more than 139 characters", "a whole sentence of advice", "move details to description"
    ),
    "target-missing": Code(
        "an action that updates or removes does not say which draft", "`code: remove` alone", "add the extension target"
    ),
    "text-invalid": Code("a text holds control characters", '`"a\\u0000"`', "remove them"),
    "too-deep": Code("nesting beyond 64 levels", "`[[[[...`", "flatten it"),
    "too-many-files": Code("more than 10,000 definition files", "the wrong folder", "name the content folder"),
    "transform-ignored": Code(
        "warning: a StructureMap that is not carried out",
        "`transform: https://example.org/fhir/StructureMap/walk`",
        "set the elements by `dynamicValue`",
    ),
    "trigger-type": Code("warning: a trigger that is never called", "`type: periodic`", "use named-event"),
    "url-missing": Code("a definition without a canonical url", "no `url:`", "add one"),
    "valueset-cycle": Code("a value set includes itself", "A includes B includes A", "remove one of the references"),
    "valueset-empty": Code("a value set without codes", "`compose: {include: []}`", "list codes or name a CSV file"),
    "valueset-filter": Code("a value set uses a filter, which needs a server", "`op: is-a`", "list the codes"),
    "valueset-system-missing": Code("codes without a code system", "`concept:` without `system:`", "add `system:`"),
    "valueset-unused": Code(
        "warning: a value set that nothing refers to", "a mistyped `valueset` in CQL", "refer to it, or remove it"
    ),
    "variable-cycle": Code("variables need each other", "%a uses %b, %b uses %a", "cut the circle"),
    "variable-duplicate": Code("one %name with two meanings in one place", "a variable `patient`", "rename one"),
    "variable-name": Code(
        "a parameter, data requirement, variable or for-each without a name that can be written as %name",
        "`id: back-pain`",
        "use letters, digits and _",
    ),
    "variable-unused": Code(
        "warning: a variable or data requirement whose %name no expression mentions",
        "`id: pain` and only `%pian`",
        "remove it, or correct the expression",
    ),
    "yaml-alias": Code("an alias, which is not allowed", "`*common`", "write the content out"),
    "yaml-key": Code("a name that is not plain text", "`? [a]`", "write `name: value`"),
    "yaml-syntax": Code("a file is not YAML", "a tab before a name", "correct it at the marked column"),
    "yaml-tag": Code("a tag, which is not allowed", "`!!python/object`", "remove it"),
}


_INTRODUCTION = f"""\
# Problems `cds check` reports

`file:line:column: code: message`, the line, and a hint. Codes are stable. All of them are errors that keep the service
from starting, except those marked as warnings: what they find loads, and is probably not meant so. What the cases show
(a condition that never was true, a row that was on no card) `cds test --coverage` tells ([cases.md](cases.md)).

`cds check` exits with 0 when there is no error, with 1 when there is one (with `--strict` a warning, too), and with 2
when it could not check. `--format json` gives a list of records with `code`, `severity`, `message`, `file`, `line`,
`column`, `path` and `hint`; `--format github` annotations of a workflow run.

## Silence a warning

A comment with the code and a reason silences a warning on its line; on a line of its own, on the next one:

```yaml
# cds: ignore valueset-unused: sites add to it in their overlay
url: https://example.org/fhir/ValueSet/pain
precheckBehavior: "yes"  # cds: ignore precheck-several: the first that applies counts
```

CQL and FHIRPath have `//` instead of `#`. Where a file has no comments, the extension
`{fhir.IGNORE_PROBLEM}` with `valueString: "code: reason"` does it for
the element it is on and all below; on a Library for its CQL as well. A silence without a reason, and one that silences
nothing, is a warning itself. Errors cannot be silenced.

## Codes

| code | meaning | example | remedy |
| --- | --- | --- | --- |
"""


def as_markdown() -> str:
    """docs/problems.md."""
    rows = (f"| `{name}` | {code.meaning} | {code.example} | {code.remedy} |\n" for name, code in sorted(CODES.items()))
    return _INTRODUCTION + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
