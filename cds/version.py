"""The version of the installed package."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The version in the package's metadata; `unknown` when it runs from a folder that was never installed."""
    try:
        return metadata.version("pathway-cds")
    except metadata.PackageNotFoundError:
        return "unknown"
