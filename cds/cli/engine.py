"""The content of the settings, loaded for verbs that need it."""

from __future__ import annotations

from cds.cli.folder import check_folder, no_definitions
from cds.config import Settings
from cds.service import Engine


def load_engine(settings: Settings) -> Engine:
    """The engine with the content of the settings. Raises ConfigurationError where there is no definition at all, which
    would only look like an answer, and DefinitionError."""
    check_folder(settings.content)
    engine = Engine(settings)
    if not engine.snapshot.documents:
        raise no_definitions(settings.content)
    return engine
