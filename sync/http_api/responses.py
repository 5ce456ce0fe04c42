"""Makes the Functions host's responses of answers and failures."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import azure.functions as func

from sync.core.errors import SyncError
from sync.http_api.dataclass_json import to_json
from sync.http_api.http_status import http_status, retry_after


def answer_of(body: object, failures: Sequence[SyncError]) -> func.HttpResponse:
    """Return an answer with the status of the failures, and when to ask again if that is known."""
    code = http_status(failures)
    headers = (
        {"Retry-After": str(retry_after(failures))}
        if code == HTTPStatus.SERVICE_UNAVAILABLE
        else {}
    )
    return response_of(body, code, headers)


def response_of(
    body: object, code: int, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Return a body as JSON."""
    return func.HttpResponse(
        json.dumps(to_json(body)) + "\n",
        status_code=code,
        headers=headers,
        mimetype="application/json",
    )
