"""What a call leaves behind, as a plain value, and the one function that keeps it."""

from enum import StrEnum
from uuid import UUID

import msgspec


class Api(StrEnum):
    """The format in which a call's input is kept."""

    OPENAI = "openai"  # a Chat Completions request; the playground and prompts keep theirs so, too
    ANTHROPIC = "anthropic"  # a Messages request
    VARIABLES = "variables"  # the values of a test, by variable name
    KEY_CHECK = "key_check"  # whether the provider takes the key: nothing is said


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try of a call through one connection. `error_code` is "" for the one that answered.

    That one's `milliseconds` end at the head of the answer. `began_ms` is counted from the beginning of the call; None: not known.
    """

    connection_id: UUID
    connection_name: str
    milliseconds: float
    error_code: str = ""
    status: int | None = None
    began_ms: float | None = None


class TraceRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Everything of models.Trace and TraceBody that is known when the call ends. Texts are redacted by value already (spec 07 A9).

    `started_at` in seconds since 1970. `input` and `output` as in TraceBody; the capture policy is applied where they are kept.
    """

    id: UUID
    workspace_id: UUID
    started_at: float
    status: str
    source_type: str
    source_id: str
    source_name: str
    user_id: UUID | None
    user_name: str
    api: str
    model_name: str
    model_id: UUID | None = None
    connection_id: UUID | None = None
    connection_name: str = ""
    streamed: bool = False
    attempts: tuple[Attempt, ...] = ()
    response_ms: float = 0.0
    first_token_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    # Provider key and model ID: what the price of the call is looked up by.
    provider: str = ""
    provider_model: str = ""
    error_code: str = ""
    error_message: str = ""
    error_hint: str = ""
    error_stage: str = ""
    provider_message: str = ""
    provider_status: int | None = None
    input: str = ""
    output: str = ""
    # The workspace's capture policy was not known yet: no texts are kept, and the policy's own patterns come after that.
    captured_by_default: bool = False
    key_id: str = ""  # of the API key that made the call, where its source is something else: the prompt that it ran
