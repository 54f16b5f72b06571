"""The shipped element models of R4 and R5 equal what the models of fhir.resources say.

Run as a module to write the files anew: `python tests/expr/test_expr_model.py`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import fhir.resources
import orjson
import pytest
from fhir.resources import R4B
from fhir_core.fhirabstractmodel import FHIRAbstractModel

import cds.expr

SHIPPED = Path(cds.expr.__file__).parent
#: release -> package of its models
PACKAGES = {"R4": R4B, "R5": fhir.resources}
MANY = re.compile(r"[Ll]ist\[")
TYPE = re.compile(r"\.(\w+)Type\b")
ROOTS = {"FHIRAbstractModel": "", "FHIRResourceModel": "", "Base": ""}
Classes = dict[str, type[FHIRAbstractModel]]


def type_name(annotation: str, known: Classes) -> str:
    """`fhirtypes.DateTimeType | None` as `dateTime`; complex types keep their name."""
    match = TYPE.search(annotation)
    name = match.group(1) if match else "boolean"
    primitive = name not in known and name != "FHIRPrimitiveExtension"
    return name[0].lower() + name[1:] if primitive else name


def classes(package: ModuleType) -> Classes:
    """Every model class of a release by its name."""
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name in {"fhirtypes", "tests"} or info.ispkg:
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        members = inspect.getmembers(module, inspect.isclass)
        found |= {name: value for name, value in members if value.__module__ == module.__name__}
    models = {name: value for name, value in found.items() if issubclass(value, FHIRAbstractModel)}
    return {name: value for name, value in models.items() if name != "Integer64"}  # a primitive, here as a class


def elements(model: type[FHIRAbstractModel], known: Classes) -> dict[str, Any]:
    """The elements a class adds to its base: name -> type, `*` behind repeating ones, choices as `name[x]` -> types."""
    result: dict[str, Any] = {}
    for attribute, annotation in inspect.get_annotations(model).items():
        field = model.model_fields.get(attribute)
        if field is None or attribute.endswith("__ext") or model.__name__ == "FHIRResourceModel":
            continue
        name, kind = field.alias or attribute, type_name(str(annotation), known)
        extra = field.json_schema_extra
        choice = extra.get("one_of_many") if isinstance(extra, dict) else None
        if choice:
            result.setdefault(f"{choice}[x]", []).append(kind)
        else:
            result[name] = kind + ("*" if MANY.search(str(annotation)) else "")
    return result


def generate(release: str) -> dict[str, Any]:
    """The whole model of a release: type -> [base type, elements]."""
    known = classes(PACKAGES[release])
    return {
        name: [ROOTS.get(model.__bases__[0].__name__, model.__bases__[0].__name__), elements(model, known)]
        for name, model in sorted(known.items())
        if name not in {"FHIRPrimitiveExtension", "FHIRResourceModel", "Base"}
    }


def shipped(release: str) -> Path:
    """The file of a release."""
    return SHIPPED / f"model_{release.lower()}.json"


@pytest.mark.slow
@pytest.mark.parametrize("release", PACKAGES)
def test_shipped_model_equals_the_models_of_fhir_resources(release: str) -> None:
    """Every type, element, cardinality and choice used by expressions is the one FHIR's own models have (security
    E6)."""
    assert orjson.loads(shipped(release).read_bytes()) == generate(release)


if __name__ == "__main__":
    for each in PACKAGES:
        shipped(each).write_bytes(orjson.dumps(generate(each)))
