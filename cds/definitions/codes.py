"""Every problem code an author can meet, with what it means, an example and the remedy; docs/problems.md is made of it.

`python -m cds.definitions.codes > docs/problems.md` writes the page."""

from __future__ import annotations

import sys
from dataclasses import dataclass


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
    "activity-kind": Code(
        "an ActivityDefinition whose kind makes no draft resource",
        "`kind: Medication`",
        "use ServiceRequest, MedicationRequest, Task, CommunicationRequest or another request",
    ),
    "bundle-type": Code(
        "a Bundle that is not a collection, or one inside another", "`type: batch`", "set `type: collection`"
    ),
    "canonical-duplicate": Code(
        "two definitions have the same url and version", "a copied file", "change the url or the version of one"
    ),
    "canonical-unresolved": Code(
        "a reference by canonical url leads to nothing that is loaded, or to the wrong type",
        "`library: [.../Library/comon]`",
        "correct the url, or add the definition",
    ),
    "code-system-unresolved": Code(
        "a value set wants all codes of a code system that is not loaded completely",
        "`include: [{system: http://snomed.info/sct}]`",
        "list the codes, or name a CSV file in the extension expansion-file",
    ),
    "code-unknown": Code(
        "a listed code does not exist in the loaded code system", "`code: too-yung`", "correct the code"
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
        "a data requirement narrowed in a way that is not supported: the data would be wider than it says",
        "`codeFilter: [{path: code, code: [...]}]`",
        "use one codeFilter with a valueSet, and filter the rest in an expression",
    ),
    "definition-cycle": Code(
        "plans name each other in a circle", "a plan whose action defines itself", "remove one of the references"
    ),
    "documentation-label-missing": Code(
        "an action's documentation cites no row of the catalogue", "`type: citation` alone", "add `label: N05`"
    ),
    "duplicate-key": Code("a name stands twice in one object", "`title:` twice", "keep one, or make it a list"),
    "dynamic-value-path": Code(
        "a dynamic value has no path, or one that is not made of element names",
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
        "an expression or a line of CQL parses, but a name, a function or its arguments do not exist or do not fit",
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
    "override-reason-display": Code(
        "an override reason without the text a clinician chooses it by", "`- code: other`", "add `display:`"
    ),
    "overlay-kind": Code(
        "a definition in the overlay that is no terminology",
        "a PlanDefinition there",
        "put it into the content folder",
    ),
    "overlay-value-set": Code(
        "warning: a ValueSet of the overlay that adds to none of the content", "a mistyped url", "correct the url"
    ),
    "plan-description-missing": Code(
        "a plan that is a service has no description (warning when another plan collects it)",
        "no `description:`",
        "say what the service advises on",
    ),
    "plan-without-hook": Code(
        "warning: a plan that no hook calls and no other plan collects", "no `trigger:`", "add a trigger"
    ),
    "parameters-file": Code(
        "the site's file of parameters cannot be read", "a file of several documents", "correct it"
    ),
    "parameters-type": Code(
        "the site gives a parameter a value that it cannot have", "`shortTermDays: two weeks`", "write the type it has"
    ),
    "parameters-unknown": Code(
        "the site gives a value to a parameter, or names a Library, that does not exist",
        "`shortTermDay: 21`",
        "correct the name",
    ),
    "resource-expected": Code("a file holds a list or text", "`- a`", "write one resource per file or document"),
    "resource-type-missing": Code(
        "a file names no resourceType (warning when it does not look like a definition)",
        "`resourcetype: Library`",
        "add resourceType",
    ),
    "resource-type-unknown": Code(
        "a resource that is not a kind of definition", "`resourceType: PlanDefinitoin`", "correct the type"
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
    "trigger-type": Code("warning: a trigger that is never called", "`type: periodic`", "use named-event"),
    "url-missing": Code("a definition without a canonical url", "no `url:`", "add one"),
    "valueset-cycle": Code("a value set includes itself", "A includes B includes A", "remove one of the references"),
    "valueset-empty": Code("a value set without codes", "`compose: {include: []}`", "list codes or name a CSV file"),
    "valueset-filter": Code("a value set uses a filter, which needs a server", "`op: is-a`", "list the codes"),
    "valueset-system-missing": Code("codes without a code system", "`concept:` without `system:`", "add `system:`"),
    "variable-cycle": Code("variables need each other", "%a uses %b, %b uses %a", "cut the circle"),
    "variable-duplicate": Code("one %name with two meanings in one place", "a variable `patient`", "rename one"),
    "variable-name": Code(
        "a parameter, data requirement, variable or for-each without a name that can be written as %name",
        "`id: back-pain`",
        "use letters, digits and _",
    ),
    "yaml-alias": Code("an alias, which is not allowed", "`*common`", "write the content out"),
    "yaml-key": Code("a name that is not plain text", "`? [a]`", "write `name: value`"),
    "yaml-syntax": Code("a file is not YAML", "a tab before a name", "correct it at the marked column"),
    "yaml-tag": Code("a tag, which is not allowed", "`!!python/object`", "remove it"),
}


def as_markdown() -> str:
    """docs/problems.md."""
    lines = [
        "# Problems `cds check` reports",
        "",
        "`file:line:column: code: message`, the line, and a hint. Codes are stable. All of them are errors that stop",
        "the service from starting, except those marked as warnings.",
        "",
        "| code | meaning | example | remedy |",
        "| --- | --- | --- | --- |",
        *(f"| `{name}` | {code.meaning} | {code.example} | {code.remedy} |" for name, code in sorted(CODES.items())),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
