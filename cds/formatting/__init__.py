"""The canonical form of what authors write, behind `cds fmt`: `yaml_text` and `json_text` put elements in FHIR's order,
`cql_text` sets the blanks. Words, comments and line breaks stay as they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cds.formatting.cql_text import format_cql
from cds.formatting.json_text import format_json
from cds.formatting.yaml_text import format_yaml

#: By the ending of a file's name. Each takes a text and gives the canonical one, or raises ReadError or
#: ExpressionSyntaxError for a text that cannot be read.
FORMATS: Mapping[str, Callable[[str], str]] = {
    ".yaml": format_yaml,
    ".yml": format_yaml,
    ".json": format_json,
    ".cql": format_cql,
}

__all__ = ["FORMATS"]
