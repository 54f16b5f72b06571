"""The direction of imports (docs/ARCHITECTURE.md): a module may import its own layer's package and those above it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "cds"

_TOKENS = ("cds.auth", "cds.client_file", "cds.client_schema", "cds.key_sets", "cds.keys", "cds.rates")
#: Layers, top to bottom. A module belongs to the most specific name that is it or a package above it.
LAYERS = (
    ("cds.errors",),
    ("cds.body", "cds.fhir", "cds.expr.values", "cds.expr.temporal", "cds.expr.quantity", "cds.expr.types"),
    ("cds.expr", "cds.patient", "cds.orders", "cds.searchset"),
    ("cds.terminology", "cds.findings", "cds.code_lists", "cds.concept_maps", "cds.chart", "cds.definitions"),
    ("cds.apply", "cds.definitions.check"),
    ("cds.hooks", "cds.fhirpath", "cds.cql", "cds.operations"),
    ("cds.lint",),
    ("cds.config", "cds.data", "cds.clients", "cds.metrics", "cds.outbound", "cds.access", "cds.storage", *_TOKENS),
    ("cds.service",),
    ("cds.cases", "cds.explain", "cds.plot", "cds.replay"),
    ("cds.booklet", "cds.changes", "cds.editor", "cds.formatting", "cds.graph", "cds.scaffold"),
    ("cds.web", "cds.cli", "cds", "cds.__main__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

#: Third-party packages that only some layers may use.
ONLY_IN = {
    "flask": "cds.web",
    "werkzeug": "cds.web",
    "click": "cds.cli",
    "gunicorn": "cds.cli",
    "prometheus_client": "cds.metrics",
    "sqlalchemy": "cds.storage",
    "alembic": "cds.storage",
}

MODULES = sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = ("cds", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_name(path) for path in MODULES}


def rank_of(module: str) -> int:
    name = module
    while name not in RANK:
        name = name.rpartition(".")[0]
    return RANK[name]


@cache
def imports(path: Path) -> set[str]:
    """Every module that a file imports, at any depth; `from cds import x` counts as `cds.x` where that is a module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in NAMES else node.module for name in names}
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path}: relative import; write the full name")
    return found


def test_modules_import_only_their_own_layer_and_those_above() -> None:
    """No module imports one of a lower layer; its own package is fine."""
    wrong = [
        f"{module} imports {name}"
        for path in MODULES
        for module in [module_name(path)]
        for package in [module if path.name == "__init__.py" else module.rpartition(".")[0]]
        for name in sorted(imports(path))
        if name.startswith("cds.") and (package == "cds" or not name.startswith(f"{package}."))
        if rank_of(name) > rank_of(module)
    ]
    assert wrong == []


def test_web_and_command_line_packages_stay_at_the_edge() -> None:
    """Flask is imported in web only, Click and gunicorn in cli only, SQLAlchemy in storage only."""
    wrong = [
        f"{module_name(path)} imports {name}"
        for path in MODULES
        for name in sorted(imports(path))
        if not module_name(path).startswith(ONLY_IN.get(name.partition(".")[0], ""))
    ]
    assert wrong == []


def test_layers_name_real_modules() -> None:
    """A layer that names a module which is gone would hold nothing."""
    assert set(RANK) <= NAMES
