"""JSON answers."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response

from cds.fhir import written


def json_response(value: Any, status: int = 200, *, content_type: str = "application/json") -> Response:
    """`value` as a JSON answer; a Decimal keeps its digits."""
    return Response(orjson.dumps(value, default=written), status, content_type=content_type)
