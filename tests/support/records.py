"""Records of calls, as a call would leave them, and many rows at once."""

import time
from typing import Any
from uuid import UUID

from apps.core.ids import uuid7
from apps.traces.record import Api, TraceRecord


def a_record(workspace_id: UUID, **changes: Any) -> TraceRecord:
    """A call of an API key that succeeded in 120 ms."""
    given: dict[str, Any] = {
        "id": uuid7(),
        "workspace_id": workspace_id,
        "started_at": time.time(),
        "status": "success",
        "source_type": "api_key",
        "source_id": "key-1",
        "source_name": "Claims intake",
        "user_id": None,
        "user_name": "",
        "api": Api.OPENAI.value,
        "model_name": "gpt-4o",
        "response_ms": 120.0,
        "input": '{"model":"gpt-4o","messages":[{"role":"user","content":"Summarize claim 4711"}]}',
        "output": "A broken window.",
        "input_tokens": 1000,
        "output_tokens": 200,
    }
    return TraceRecord(**given | changes)
