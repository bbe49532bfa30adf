"""What can go wrong between a request and the end of its answer, in sentences for the person who made the call (spec 07 B6, F1)."""

from apps.core.outbound import Failure, Limits, OutboundError

TLS_RECORDS = (0x15, 0x16)  # an alert or a handshake: what a TLS server says to plain http


def first_byte_timeout(limits: Limits) -> OutboundError:
    return OutboundError(
        Failure.FIRST_BYTE_TIMEOUT,
        f"The server took the call but sent nothing within {limits.first_byte:g} seconds.",
        "The model may be slow: raise the connection's time limit, or ask for less.",
    )


def fell_silent(limits: Limits) -> OutboundError:
    return OutboundError(
        Failure.TIMEOUT,
        f"The server fell silent in the middle of its answer: nothing came for {limits.between:g} seconds.",
        "The server, or a proxy before it, hangs. Try again.",
    )


def timed_out(limits: Limits) -> OutboundError:
    return OutboundError(
        Failure.TIMEOUT,
        f"The call did not finish within {limits.total:g} seconds.",
        "Raise the connection's time limit, or ask the model for less.",
    )


def headers_too_large(limit: int) -> OutboundError:
    return OutboundError(
        Failure.HEADERS_TOO_LARGE,
        f"The headers of the answer are larger than {limit / 1024:g} KiB.",
        "Check that the address is the API's own, not a proxy's or a login page's.",
    )


def not_http(opening: bytes = b"") -> OutboundError:
    """`opening` is the beginning of what came. In our words: what the server sent can be anything."""
    speaks_tls = opening[:1] != b"" and opening[0] in TLS_RECORDS
    hint = "This port speaks TLS: use https://." if speaks_tls else "Check scheme and port."
    return OutboundError(Failure.PROTOCOL_ERROR, "The server's answer is not valid HTTP.", hint)


def too_much_framing() -> OutboundError:
    return OutboundError(
        Failure.PROTOCOL_ERROR,
        "The server's answer is nearly all framing: chunk extensions or trailers without content.",
        "The server, or a proxy before it, writes its answers wrongly.",
    )


def disconnected(received: int) -> OutboundError:
    """`received` bytes had come. Only a close before any byte may be tried again (spec 07 F1)."""
    if not received:
        return OutboundError(Failure.DISCONNECTED, "The server closed the connection without answering.", "Try again.", retryable=True)
    return OutboundError(
        Failure.DISCONNECTED,
        f"The server closed the connection in the middle of its answer, after {received:,} bytes.",
        "The server, or a proxy before it, gave up. Try again.",
    )
