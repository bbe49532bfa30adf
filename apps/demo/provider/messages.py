"""What travels inside the demo provider: a request, a reply, and the reasons to refuse. No I/O here."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None
type JsonObject = dict[str, Json]
type Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came over the wire; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """The first value of the header, or "" when it was not sent."""
        return next((value for key, value in self.headers if key == name.lower()), "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer. A streamed reply is sent part by part (chunked), any other in one piece with its length."""

    status: int
    parts: tuple[bytes, ...]
    content_type: str = "application/json"
    headers: Headers = ()
    streamed: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


class Why(StrEnum):
    """Reasons to refuse; every dialect has its own status, words and shape for each."""

    MISSING_KEY = "missing_key"
    UNKNOWN_KEY = "unknown_key"
    RATE_LIMITED = "rate_limited"
    NO_CREDIT = "no_credit"
    BAD_REQUEST = "bad_request"
    NO_MODEL = "no_model"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    FAILED = "failed"


@dataclass(eq=False)
class Refusal(Exception):
    """Why a request is refused; `where` names the field (dotted) or the model, `message` says what is wrong with it."""

    why: Why
    message: str = ""
    where: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's API under its own path prefix. `answer` gets the path after the prefix and may raise Refusal."""

    name: str
    prefix: str
    answer: Callable[[Request, str], Reply]
    refuse: Callable[[Refusal], Reply]


RETRY_AFTER = (("retry-after", "2"),)  # seconds; what every dialect sends with a rate limit


def compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_reply(status: int, value: Json, headers: Headers = ()) -> Reply:
    return Reply(status, (compact(value).encode(),), headers=headers)


def sse_reply(events: Iterable[tuple[str, Json]], *, end: str = "", newline: str = "\n") -> Reply:
    """Server-sent events: (event name or "", data) pairs, then the raw `end` event where the dialect has one."""
    parts = [f"{f'event: {name}{newline}' if name else ''}data: {compact(data)}{newline * 2}".encode() for name, data in events]
    if end:
        parts.append(f"data: {end}{newline * 2}".encode())
    return Reply(200, tuple(parts), content_type="text/event-stream", headers=(("cache-control", "no-cache"),), streamed=True)
