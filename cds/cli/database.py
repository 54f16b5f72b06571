"""The database of the settings, for verbs that only look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cds.config import Settings
from cds.errors import ConfigurationError, StorageError
from cds.storage import Storage


@contextmanager
def existing(settings: Settings) -> Iterator[Storage]:
    """The storage, closed at the end. What goes wrong with it is a ConfigurationError, and so is a SQLite file that is
    not there, for an empty one would only look like an answer."""
    storage = Storage(settings)
    file = storage.database.file
    if file is not None and not file.exists():
        raise ConfigurationError(f"there is no database {file}; CDS_DATABASE_URL names that of the service")
    try:
        yield storage
    except StorageError as error:
        raise ConfigurationError(str(error)) from None
    finally:
        storage.close()
