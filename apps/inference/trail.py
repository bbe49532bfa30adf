"""What one call leaves behind: exactly one trace, whichever way it ends (spec 06; spec 07 F3)."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from apps.accounts.budgets import Budget
from apps.accounts.models import User, Workspace
from apps.connections.models import Connection
from apps.core.ids import uuid7
from apps.core.redaction import redact_beginning
from apps.external_models.models import ExternalModel
from apps.providers.chat import Usage
from apps.providers.errors import ErrorKind, ProviderError, Stage
from apps.providers.types import JsonValue
from apps.traces import capture
from apps.traces.capture import MAX_ERROR, MAX_NAME, MOST_READ, THE_REST
from apps.traces.models import NONE, SourceType, Status, request_id_of
from apps.traces.record import Api, Attempt, TraceRecord
from apps.traces.store import record

KEPT_OUTPUT = 256 * 1024  # characters of an answer that was not finished

NO_USAGE = Usage()


class Source(NamedTuple):
    """Where a call came from, as traces name it."""

    type: SourceType
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call, for its trace and its limits."""

    workspace_id: UUID
    source_type: SourceType
    source_id: str = ""
    source_name: str = ""
    user_id: UUID | None = None
    user_name: str = ""
    # Limits of the API key; None: no limit.
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget: Budget | None = None
    traced_as: Source | None = None  # the saved prompt that the caller runs: its trace names that, while limits stay the caller's

    @property
    def source(self) -> Source:
        return self.traced_as or Source(self.source_type, self.source_id, self.source_name)


class Trail:
    """One call's. `input` is what was asked, in the format `api`: a text, or the bytes of one as they came, which then are all that is held
    of it. Model and connection are filled in as they become known.
    """

    def __init__(self, caller: Caller, *, api: Api, streamed: bool = False, model_name: str = "") -> None:
        self.id = uuid7()
        self.caller = caller
        self.api = api
        self.streamed = streamed
        self.input: str | bytes = ""
        self.model_id: UUID | None = None
        self.model_name = model_name
        self.asked = model_name
        self.provider = self.provider_model = ""
        self.connection_id: UUID | None = None
        self.connection_name = ""
        self.attempts: list[Attempt] = []
        self.first_token_ms: float | None = None
        self.usage = NO_USAGE  # as far as it is known
        self.recorded = False
        self.started = time.perf_counter()
        self._started_at = time.time()
        self._output: list[str] = []
        self._room = KEPT_OUTPUT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.leave(error)

    @property
    def request_id(self) -> str:
        return request_id_of(self.id)

    @property
    def input_text(self) -> str:
        return self.input if isinstance(self.input, str) else self.input.decode("utf-8", "replace")

    def note_attempt(self, began: float, *, status: int | None = None, error: ProviderError | None = None) -> None:
        """One try through the connection, which `began` at that time.perf_counter(). None where nothing could be sent."""
        if error is not None and error.stage in (Stage.ROUTE, Stage.PREPARE):
            return
        elapsed = (time.perf_counter() - began) * 1000
        code, said = ("", status) if error is None else (error.kind.value, error.status)
        began_ms = max(0.0, (began - self.started) * 1000)
        self.attempts.append(Attempt(self.connection_id or NONE, self.connection_name, elapsed, code, said, began_ms))

    def note_first_token(self) -> None:
        """The first piece of the answer is there; later calls change nothing."""
        if self.first_token_ms is None:
            self.first_token_ms = (time.perf_counter() - self.started) * 1000

    def note_output(self, text: str) -> None:
        """The next piece of the answer: what the trace keeps when no more comes."""
        if self._room > 0:
            self._output.append(text[: self._room])
            self._room -= len(text)

    def succeed(self, output: str, usage: Usage) -> None:
        """The answer is complete. Call it before the caller can know that it is: from here it survives a crash of the process."""
        self._record(Status.SUCCESS, output, usage, None)

    def fail(self, error: ProviderError, output: str = "", usage: Usage | None = None) -> None:
        """It went wrong; `output` is what had come until then."""
        self._record(Status.FAILED, output or "".join(self._output), usage or self.usage, error)

    def cancel(self, output: str = "", usage: Usage | None = None) -> None:
        """The caller went away; the upstream call is stopped."""
        gone = ProviderError(ErrorKind.CANCELLED, "The caller went away.")
        self._record(Status.CANCELLED, output or "".join(self._output), usage or self.usage, gone)

    def leave(self, error: BaseException | None) -> None:
        """The call is over. Leaves the trace, unless it has been said already how it ended."""
        if self.recorded:
            return
        if isinstance(error, ProviderError):
            self.fail(error)
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.cancel()
        elif error is None:
            self.fail(ProviderError(ErrorKind.CANCELLED, "The call ended before it had an answer."))
        else:
            self.fail(ProviderError(ErrorKind.INTERNAL, "Something went wrong in Patchbay.", "Its log says more."))

    def settle(self, status: Status, usage: Usage, output: str) -> None:
        """The call is over, and what it took is known as far as it ever will be. For limits."""

    def _record(self, status: Status, output: str, usage: Usage, error: ProviderError | None) -> None:
        if self.recorded:
            return
        self.recorded = True
        self.settle(status, usage, output)
        caller = self.caller
        source_type, source_id, source_name = caller.source
        about: dict[str, Any] = {} if error is None else _about(error)
        record(
            TraceRecord(
                id=self.id,
                workspace_id=caller.workspace_id,
                started_at=self._started_at,
                status=status,
                source_type=source_type,
                source_id=source_id,
                source_name=source_name,
                user_id=caller.user_id,
                user_name=caller.user_name,
                api=self.api,
                model_id=self.model_id,
                model_name=(self.model_name or self.asked)[:MAX_NAME],
                connection_id=self.connection_id,
                connection_name=self.connection_name,
                streamed=self.streamed,
                attempts=tuple(self.attempts),
                response_ms=(time.perf_counter() - self.started) * 1000,
                first_token_ms=self.first_token_ms,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cached_tokens=usage.cached_tokens,
                cache_write_tokens=usage.cache_write_tokens,
                provider=self.provider,
                provider_model=self.provider_model,
                input=_beginning(self.input_text),
                output=_beginning(output),
                key_id=caller.source_id if caller.traced_as is not None and caller.source_type is SourceType.API_KEY else "",
                **about,
            )
        )


def _beginning(text: str) -> str:
    """As much as any workspace keeps, which says that it is not all."""
    kept = redact_beginning(text, MOST_READ)
    return kept if len(text) <= MOST_READ else kept + THE_REST


def _about(error: ProviderError) -> dict[str, Any]:
    return {
        "error_code": error.kind.value,
        "error_message": redact_beginning(error.message, MAX_ERROR),
        "error_hint": redact_beginning(error.hint, MAX_ERROR),
        "error_stage": error.stage.label,
        "provider_message": redact_beginning(error.provider_message, MAX_ERROR),
        "provider_status": error.status,
    }


def trail_of_test(
    workspace: Workspace,
    user: User | None,
    *,
    model: ExternalModel | None = None,
    connection: Connection | None = None,
    name: str = "",
    values: Mapping[str, JsonValue] | None = None,
) -> Trail:
    """Of a test: of a saved model, maybe through one of its connections, or of a form as it stands, which goes by its `name`.

    Reads what the workspace keeps of its calls: their end makes no query.
    """
    capture.preload(workspace.pk)
    name = model.name if model else name or "Unsaved model"
    caller = Caller(workspace.pk, SourceType.TEST, source_name=name)
    if user is not None:
        caller = replace(caller, user_id=user.pk, user_name=user.name)
    trail = Trail(caller, api=Api.VARIABLES, model_name=name)
    trail.input = json.dumps(values or {}, ensure_ascii=False)
    if model is not None:
        trail.model_id, trail.provider, trail.provider_model = model.pk, model.provider, model.definition.model
    if connection is not None:
        trail.connection_id, trail.connection_name = connection.pk, connection.name
    return trail
