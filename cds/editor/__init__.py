"""JSON Schemas (draft 7) with which editors complete and check our YAML while it is written (docs/authoring.md).

They say what a file can look like; `cds check` and `cds test` know what it means.
"""

from cds.editor.cases import cases
from cds.editor.definitions import definitions

#: The schemas by the name that `cds schema` gives them.
SCHEMAS = {"definitions": definitions, "cases": cases}

__all__ = ["SCHEMAS", "cases", "definitions"]
