"""The lists of GET /v1/models."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from apps.providers.callers.base import OWNED_BY, ListedModel


def openai_list(models: Iterable[ListedModel]) -> bytes:
    data = [{"id": model.name, "object": "model", "created": model.created, "owned_by": OWNED_BY} for model in models]
    return msgspec.json.encode({"object": "list", "data": data})


def anthropic_list(models: Iterable[ListedModel]) -> bytes:
    """All of them on one page."""
    data = [
        {
            "type": "model",
            "id": model.name,
            "display_name": model.name,
            "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycle": "active",
        }
        for model in models
    ]
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return msgspec.json.encode({"data": data, "has_more": False, "first_id": ends[0], "last_id": ends[1]})
