"""What is packaged and exported: the lists that a new module would silently be missing from."""

from __future__ import annotations

import configparser
from pathlib import Path

import cds
from cds import fhir

ROOT = Path(__file__).resolve().parent.parent


def test_every_package_is_in_the_wheel() -> None:
    """setup.cfg lists each folder of Python files below cds/, and the content."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    listed = set(parser["options"]["packages"].split())
    folders = {path.parent for path in (ROOT / "cds").rglob("*.py")}
    assert listed == {".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"cds.plandefinitions"}


def test_front_door_names_exist() -> None:
    """Each public name can be imported from the package."""
    assert sorted(cds.__all__) == cds.__all__
    for name in cds.__all__:
        assert getattr(cds, name) is not None


def test_the_canonical_base_is_named_once() -> None:
    """Python code builds canonicals from the one constant."""
    holders = [p.name for p in (ROOT / "cds").rglob("*.py") if fhir.CANONICAL_BASE in p.read_text(encoding="utf-8")]
    assert holders == ["fhir.py"]
