"""pathway-cds: FHIR treatment pathways answered as CDS Hooks cards.

The front door: `create_app` (a Flask application), `Engine` (loaded content, ready for calls), `Settings`, `CdsError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cds.config import Settings
    from cds.errors import CdsError
    from cds.service import Engine
    from cds.web import create_app

__version__ = "0.1.0"

__all__ = ["CdsError", "Engine", "Settings", "__version__", "create_app"]

_HOMES = {"CdsError": "cds.errors", "Engine": "cds.service", "Settings": "cds.config", "create_app": "cds.web"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `cds --help` loads none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cds' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
