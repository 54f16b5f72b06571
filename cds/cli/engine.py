"""The content of the settings, loaded for verbs that need it."""

from __future__ import annotations

from pathlib import Path

from cds.config import Settings
from cds.errors import ConfigurationError
from cds.service import Engine


def load_engine(settings: Settings) -> Engine:
    """The engine with the content of the settings. Raises ConfigurationError where there is no definition at all, which
    would only look like an answer, and DefinitionError."""
    check_folder(settings.content)
    engine = Engine(settings)
    if not engine.snapshot.documents:
        raise no_definitions(settings.content)
    return engine


def check_folder(content: Path) -> None:
    """Raises ConfigurationError for content that is no folder."""
    if not content.is_dir():
        what = "is a file: name the folder it is in" if content.exists() else "does not exist"
        raise ConfigurationError(f"the folder of definitions {content} {what}")


def no_definitions(content: Path) -> ConfigurationError:
    """That a folder is there and empty."""
    return ConfigurationError(f"there is no definition in {content}: name the folder of definitions")
