"""An engine in demo mode that has loaded nothing: calls bring their own content."""

from __future__ import annotations

import pytest

from cds.config import Settings
from cds.service import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(Settings(demo=True, content=tmp_path_factory.mktemp("content"), now="2026-03-02T12:00:00Z"))
