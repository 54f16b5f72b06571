"""The shipped R4 element model equals what fhir.resources' R4B models say.

Run as a module to write the file anew: `python tests/expr/test_expr_model.py`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources import R4B
from fhir_core.fhirabstractmodel import FHIRAbstractModel

import cds.expr

SHIPPED = Path(cds.expr.__file__).with_name("model_r4.json")
MANY = re.compile(r"[Ll]ist\[")
TYPE = re.compile(r"\.(\w+)Type\b")
ROOTS = {"FHIRAbstractModel": "", "FHIRResourceModel": ""}


def type_name(annotation: str) -> str:
    """`fhirtypes.DateTimeType | None` as `dateTime`; complex types keep their name."""
    match = TYPE.search(annotation)
    name = match.group(1) if match else "boolean"
    primitive = name not in CLASSES and name != "FHIRPrimitiveExtension"
    return name[0].lower() + name[1:] if primitive else name


def classes() -> dict[str, type[FHIRAbstractModel]]:
    """Every model class of R4B by its name."""
    found = {}
    for info in pkgutil.iter_modules(R4B.__path__):
        if info.name in {"fhirtypes", "tests"}:
            continue
        module = importlib.import_module(f"{R4B.__name__}.{info.name}")
        members = inspect.getmembers(module, inspect.isclass)
        found |= {name: value for name, value in members if value.__module__ == module.__name__}
    return {name: value for name, value in found.items() if issubclass(value, FHIRAbstractModel)}


CLASSES: dict[str, type[FHIRAbstractModel]] = {}


def elements(model: type[FHIRAbstractModel]) -> dict[str, Any]:
    """The elements a class adds to its base: name -> type, `*` behind repeating ones, choices as `name[x]` -> types."""
    result: dict[str, Any] = {}
    for attribute, annotation in inspect.get_annotations(model).items():
        field = model.model_fields.get(attribute)
        if field is None or attribute.endswith("__ext") or model.__name__ == "FHIRResourceModel":
            continue
        name, kind = field.alias or attribute, type_name(str(annotation))
        extra = field.json_schema_extra
        choice = extra.get("one_of_many") if isinstance(extra, dict) else None
        if choice:
            result.setdefault(f"{choice}[x]", []).append(kind)
        else:
            result[name] = kind + ("*" if MANY.search(str(annotation)) else "")
    return result


def generate() -> dict[str, Any]:
    """The whole model: type -> [base type, elements]."""
    CLASSES.update(classes())
    return {
        name: [ROOTS.get(model.__bases__[0].__name__, model.__bases__[0].__name__), elements(model)]
        for name, model in sorted(CLASSES.items())
        if name not in {"FHIRPrimitiveExtension", "FHIRResourceModel"}
    }


@pytest.mark.slow
def test_shipped_model_equals_the_models_of_fhir_resources() -> None:
    """Every R4 type, element, cardinality and choice used by expressions is the one FHIR's own models have (E6)."""
    assert orjson.loads(SHIPPED.read_bytes()) == generate()


if __name__ == "__main__":
    SHIPPED.write_bytes(orjson.dumps(generate()))
