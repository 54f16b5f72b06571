"""Our FHIR extensions: which there are, and what value each one takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cds import fhir
from cds.definitions.element import Element
from cds.definitions.load import Document
from cds.errors import Problem
from cds.terminology import meant_canonical

#: url -> the element that holds its value; None when any value[x] will do.
VALUES: dict[str, str | None] = {
    fhir.FOR_EACH: "valueExpression",
    fhir.TARGET: "valueExpression",
    fhir.VARIABLE: "valueExpression",
    fhir.OVERRIDE_REASONS: "valueCanonical",
    fhir.EXPANSION_FILE: "valueUrl",
    fhir.OPTIONAL_DATA: "valueBoolean",
    fhir.DEFAULT_VALUE: None,
    fhir.CATALOGUE: "valueBoolean",
    fhir.IGNORE_PROBLEM: "valueString",
}
#: Extensions whose expression defines a `%name`.
NAMING = (fhir.FOR_EACH, fhir.VARIABLE)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_extensions(document: Document) -> Iterator[Problem]:
    """Extensions under our own base that do not exist, known ones without their value, and names that are missing."""
    pending = [Element.root(document)]
    while pending:
        element = pending.pop()
        pending.extend(element.children())
        for extension in element.each("extension"):
            yield from _extension(extension, extension.text("url") or "")


def _extension(extension: Element, url: str) -> Iterator[Problem]:
    if url not in VALUES:
        if url.startswith(fhir.EXTENSION_BASE):
            hint = meant_canonical(url, VALUES)
            yield extension.problem("extension-unknown", f"there is no extension {url}", "url", hint=hint)
        return
    member = VALUES[url]
    given = [name for name in extension.value if name.startswith("value")]
    if member not in extension.value if member else not given:
        wanted = member or "value[x]"
        message = f"the extension {url.rsplit('/', 1)[-1]} takes {wanted}"
        yield extension.problem("extension-value", message, *given[:1], key=bool(given), hint=f"write `{wanted}:`")
    elif url in NAMING:
        for expression in extension.each("valueExpression"):
            yield from check_name(expression, "name", expression.text("name"))


def check_name(owner: Element, member: str, name: str | None) -> Iterator[Problem]:
    """The Problem of a `%name` that is missing or cannot be written in an expression."""
    if name is None:
        message = f"'{member}' is missing: expressions refer to it as %name"
        yield owner.problem("variable-name", message, member, hint=f"add `{member}:`")
    elif not _NAME.fullmatch(name):
        hint = "use letters, digits and _, beginning with a letter"
        yield owner.problem("variable-name", f"'{name}' cannot be written as %{name}", member, hint=hint)
