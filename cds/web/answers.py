"""JSON answers."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response


def json_response(value: Any, status: int = 200) -> Response:
    """`value` as an `application/json` answer."""
    return Response(orjson.dumps(value), status, content_type="application/json")
