"""What one call out may take, its one error, and the codes that tell every way to fail apart."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take. Times in seconds, sizes in bytes; `body_bytes` counts before and after decompression."""

    connect: float = 5.0  # look-up, TCP and TLS together
    first_byte: float = 60.0  # from the open connection to the first byte of the answer
    between: float = 60.0  # without a byte in the middle of a body, while somebody waits for it
    total: float = 300.0
    header_bytes: int = 64 * 1024
    body_bytes: int = 32 * 1024 * 1024


class Failure(StrEnum):
    """Why a call out failed. The values are part of the public error codes: `inference` maps them one to one."""

    BAD_VALUE = "bad_value"  # a header that may not be sent
    URL_INVALID = "url_invalid"
    URL_NOT_ALLOWED = "url_not_allowed"
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    PROTOCOL_ERROR = "protocol_error"
    HEADERS_TOO_LARGE = "headers_too_large"
    RESPONSE_TOO_LARGE = "response_too_large"
    DECODE_FAILED = "decode_failed"
    REDIRECT = "redirect"


class OutboundError(Exception):
    """A call out that was refused or failed before it had a complete answer.

    `message` is a sentence for the person who made the call, `hint` says what to try. `retryable` is true only where the server cannot
    have acted on the request (spec 07 F1). `reason` is the class of a refusal ("private", "plain_http", ...) for the audit log; it never
    holds the resolved address (spec 07 B8).
    """

    def __init__(
        self,
        code: Failure,
        message: str,
        hint: str = "",
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable
        self.retry_after = retry_after
        self.reason = reason

    def __repr__(self) -> str:
        return f"OutboundError({self.code.value}: {self.message})"
