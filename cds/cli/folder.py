"""The folder of definitions as a verb is given it."""

from __future__ import annotations

from pathlib import Path

from cds.errors import ConfigurationError


def check_folder(content: Path) -> None:
    """Raises ConfigurationError for content that is no folder."""
    if not content.is_dir():
        what = "is a file: name the folder it is in" if content.exists() else "does not exist"
        raise ConfigurationError(f"the folder of definitions {content} {what}")


def no_definitions(content: Path) -> ConfigurationError:
    """That a folder is there and empty."""
    return ConfigurationError(f"there is no definition in {content}: name the folder of definitions")
