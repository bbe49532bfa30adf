"""The two APIs that programs speak to us: what differs between them besides the format itself."""

from dataclasses import dataclass
from typing import Final

from apps.inference.calls import Call
from apps.providers.callers.anthropic import ANTHROPIC_CALLER
from apps.providers.callers.base import CallerFormat
from apps.providers.callers.openai import OPENAI_CALLER
from apps.traces.record import Api


@dataclass(frozen=True, slots=True)
class Door:
    """`id_header` is where the SDK of this API looks for the ID of a request, `id_prefix` how the IDs of its answers begin."""

    format: CallerFormat
    api: Api
    id_header: bytes
    id_prefix: str

    def answer_id(self, call: Call) -> str:
        return f"{self.id_prefix}{call.id.hex}"


OPENAI: Final = Door(OPENAI_CALLER, Api.OPENAI, b"x-request-id", "chatcmpl-")
ANTHROPIC: Final = Door(ANTHROPIC_CALLER, Api.ANTHROPIC, b"request-id", "msg_")
