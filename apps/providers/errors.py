"""The one exception that crosses the border of a call, and the stages it can name."""

from enum import StrEnum


class Stage(StrEnum):
    """Where in a call something went wrong."""

    ROUTE = "route"
    PREPARE = "prepare"
    AUTHORIZE = "authorize"
    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    WAIT = "wait"
    READ = "read"
    ANSWER = "answer"
    PARSE = "parse"

    @property
    def label(self) -> str:
        """The words the console shows."""
        return _STAGE_LABELS[self]


_STAGE_LABELS = {
    Stage.ROUTE: "Choosing the connection",
    Stage.PREPARE: "Preparing the request",
    Stage.AUTHORIZE: "Getting authorized",
    Stage.RESOLVE: "Resolving the name",
    Stage.CONNECT: "Connecting",
    Stage.TLS: "Securing the connection (TLS)",
    Stage.SEND: "Sending the request",
    Stage.WAIT: "Waiting for the answer",
    Stage.READ: "Reading the response",
    Stage.ANSWER: "The provider's answer",
    Stage.PARSE: "Understanding the response",
}


class ErrorKind(StrEnum):
    """Every way in which a call can fail; the value is the code that APIs and traces show."""

    MODEL_NOT_FOUND = "model_not_found"
    MODEL_DRAFT = "model_draft"
    MODEL_INACTIVE = "model_inactive"
    CONNECTION_NOT_FOUND = "connection_not_found"
    CONNECTION_INACTIVE = "connection_inactive"  # the one asked for is off, or all of the model's are
    CONNECTION_RESTING = "connection_resting"  # it failed too often just now: nothing is sent for a while
    RATE_LIMITED = "rate_limited"  # a limit of our own: of an API key or of a connection
    BUDGET_EXCEEDED = "budget_exceeded"  # of an API key or of a connection
    INVALID_REQUEST = "invalid_request"  # what the caller sent is not a request of the format
    INTERNAL = "internal"  # our own fault
    UNAVAILABLE = "unavailable"  # for a moment: our database is away, or the process is being stopped
    INVALID_API_KEY = "invalid_api_key"  # the caller's own key: none, unknown, expired or revoked
    MISSING_SCOPE = "missing_scope"  # the caller's key is good, but not for this
    FEATURE_NOT_ENABLED = "feature_not_enabled"
    TEMPLATE_INVALID = "template_invalid"
    UNKNOWN_VARIABLE = "unknown_variable"
    MISSING_VARIABLE = "missing_variable"
    BAD_VALUE = "bad_value"
    BODY_TOO_LARGE = "body_too_large"
    NEEDS_CREDENTIALS = "needs_credentials"
    UNSUPPORTED = "unsupported"  # the wire format cannot carry what the call asks for
    PROFILE_NOT_CONFIGURED = "profile_not_configured"
    PROFILE_HOST_NOT_ALLOWED = "profile_host_not_allowed"
    TOKEN_REFUSED = "token_refused"  # the authorization server said no
    TOKEN_FAILED = "token_failed"  # it could not be asked, or its answer is none
    ROLE_NOT_REGISTERED = "role_not_registered"
    ROLE_REFUSED = "role_refused"  # STS does not let the platform assume the role
    STS_FAILED = "sts_failed"
    URL_INVALID = "url_invalid"
    URL_NOT_ALLOWED = "url_not_allowed"
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    DISCONNECTED = "disconnected"
    CANCELLED = "cancelled"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    TIMEOUT = "timeout"
    PROTOCOL_ERROR = "protocol_error"
    HEADERS_TOO_LARGE = "headers_too_large"
    RESPONSE_TOO_LARGE = "response_too_large"
    DECODE_FAILED = "decode_failed"
    REDIRECT = "redirect"
    UPSTREAM_AUTH = "upstream_auth"
    UPSTREAM_RATE_LIMITED = "upstream_rate_limited"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_REFUSED = "upstream_refused"
    NOT_JSON = "not_json"
    NOT_THE_FORMAT = "not_the_format"  # JSON, but not of the wire format's shape
    MODEL_NOT_LISTED = "model_not_listed"  # a key check went well, but not for this model
    OUTPUT_PATH_NO_MATCH = "output_path_no_match"

    @property
    def label(self) -> str:
        """The words for a line of a list, where there is no room for the message."""
        return _KIND_LABELS[self]


_KIND_LABELS = {
    ErrorKind.MODEL_NOT_FOUND: "No such model",
    ErrorKind.MODEL_DRAFT: "The model is a draft",
    ErrorKind.MODEL_INACTIVE: "The model is not active",
    ErrorKind.CONNECTION_NOT_FOUND: "No such connection",
    ErrorKind.CONNECTION_INACTIVE: "The connection is not active",
    ErrorKind.CONNECTION_RESTING: "The connection rests after failures",
    ErrorKind.RATE_LIMITED: "A rate limit was reached",
    ErrorKind.BUDGET_EXCEEDED: "The budget is used up",
    ErrorKind.INVALID_REQUEST: "The request is not valid",
    ErrorKind.INTERNAL: "Patchbay failed",
    ErrorKind.UNAVAILABLE: "Patchbay was not available",
    ErrorKind.INVALID_API_KEY: "The API key is not valid",
    ErrorKind.MISSING_SCOPE: "The API key lacks a scope",
    ErrorKind.FEATURE_NOT_ENABLED: "A feature is not enabled on the model",
    ErrorKind.TEMPLATE_INVALID: "The body template is not valid",
    ErrorKind.UNKNOWN_VARIABLE: "An unknown variable",
    ErrorKind.MISSING_VARIABLE: "A variable has no value",
    ErrorKind.BAD_VALUE: "A value is not allowed",
    ErrorKind.BODY_TOO_LARGE: "The request is too large",
    ErrorKind.NEEDS_CREDENTIALS: "Credentials are missing",
    ErrorKind.UNSUPPORTED: "The model's API cannot carry the request",
    ErrorKind.PROFILE_NOT_CONFIGURED: "The authorization profile is not complete",
    ErrorKind.PROFILE_HOST_NOT_ALLOWED: "The authorization profile is not for this host",
    ErrorKind.TOKEN_REFUSED: "The authorization server refused a token",
    ErrorKind.TOKEN_FAILED: "No token from the authorization server",
    ErrorKind.ROLE_NOT_REGISTERED: "The role is not registered",
    ErrorKind.ROLE_REFUSED: "AWS refused the role",
    ErrorKind.STS_FAILED: "AWS gave no credentials",
    ErrorKind.URL_INVALID: "The endpoint URL is not valid",
    ErrorKind.URL_NOT_ALLOWED: "The endpoint URL is not allowed",
    ErrorKind.NAME_NOT_RESOLVED: "The provider's host name is unknown",
    ErrorKind.CONNECTION_REFUSED: "The provider's host refused the connection",
    ErrorKind.CONNECT_FAILED: "The provider could not be reached",
    ErrorKind.CONNECT_TIMEOUT: "Connecting took too long",
    ErrorKind.TLS_FAILED: "No secure connection (TLS)",
    ErrorKind.DISCONNECTED: "The provider closed the connection",
    ErrorKind.CANCELLED: "The caller went away",
    ErrorKind.FIRST_BYTE_TIMEOUT: "No answer in time",
    ErrorKind.TIMEOUT: "The answer took too long",
    ErrorKind.PROTOCOL_ERROR: "The answer is not proper HTTP",
    ErrorKind.HEADERS_TOO_LARGE: "The answer's headers are too large",
    ErrorKind.RESPONSE_TOO_LARGE: "The answer is too large",
    ErrorKind.DECODE_FAILED: "The answer could not be decoded",
    ErrorKind.REDIRECT: "The provider redirects elsewhere",
    ErrorKind.UPSTREAM_AUTH: "The provider refused the key",
    ErrorKind.UPSTREAM_RATE_LIMITED: "The provider is limiting requests",
    ErrorKind.UPSTREAM_ERROR: "The provider failed to answer",
    ErrorKind.UPSTREAM_REFUSED: "The provider refused the request",
    ErrorKind.NOT_JSON: "The answer is not JSON",
    ErrorKind.NOT_THE_FORMAT: "The answer is not in the expected format",
    ErrorKind.MODEL_NOT_LISTED: "The key may not use this model",
    ErrorKind.OUTPUT_PATH_NO_MATCH: "The output path finds nothing",
}


def in_words(code: str) -> str:
    """The label of a code that was kept; one that is not known any more stays as it is."""
    return ErrorKind(code).label if code in ErrorKind else code


# What goes wrong where an authorization profile or a role is to authorize the call.
AUTHORIZING = frozenset(
    {
        ErrorKind.PROFILE_NOT_CONFIGURED,
        ErrorKind.PROFILE_HOST_NOT_ALLOWED,
        ErrorKind.TOKEN_REFUSED,
        ErrorKind.TOKEN_FAILED,
        ErrorKind.ROLE_NOT_REGISTERED,
        ErrorKind.ROLE_REFUSED,
        ErrorKind.STS_FAILED,
    }
)

_STAGES = {
    Stage.ROUTE: {
        ErrorKind.MODEL_NOT_FOUND,
        ErrorKind.MODEL_DRAFT,
        ErrorKind.MODEL_INACTIVE,
        ErrorKind.CONNECTION_NOT_FOUND,
        ErrorKind.CONNECTION_INACTIVE,
        ErrorKind.CONNECTION_RESTING,
        ErrorKind.RATE_LIMITED,
        ErrorKind.BUDGET_EXCEEDED,
        ErrorKind.FEATURE_NOT_ENABLED,
    },
    Stage.PREPARE: {
        ErrorKind.INTERNAL,
        ErrorKind.UNAVAILABLE,
        ErrorKind.INVALID_REQUEST,
        ErrorKind.TEMPLATE_INVALID,
        ErrorKind.UNKNOWN_VARIABLE,
        ErrorKind.MISSING_VARIABLE,
        ErrorKind.BAD_VALUE,
        ErrorKind.BODY_TOO_LARGE,
        ErrorKind.NEEDS_CREDENTIALS,
        ErrorKind.URL_INVALID,
        ErrorKind.URL_NOT_ALLOWED,
        ErrorKind.UNSUPPORTED,
    },
    Stage.AUTHORIZE: {
        ErrorKind.INVALID_API_KEY,
        ErrorKind.MISSING_SCOPE,
        *AUTHORIZING,
    },
    Stage.RESOLVE: {ErrorKind.NAME_NOT_RESOLVED},
    Stage.CONNECT: {ErrorKind.CONNECTION_REFUSED, ErrorKind.CONNECT_FAILED, ErrorKind.CONNECT_TIMEOUT},
    Stage.TLS: {ErrorKind.TLS_FAILED},
    Stage.SEND: {ErrorKind.DISCONNECTED},
    Stage.WAIT: {ErrorKind.FIRST_BYTE_TIMEOUT, ErrorKind.CANCELLED},
    Stage.READ: {
        ErrorKind.TIMEOUT,
        ErrorKind.PROTOCOL_ERROR,
        ErrorKind.HEADERS_TOO_LARGE,
        ErrorKind.RESPONSE_TOO_LARGE,
        ErrorKind.DECODE_FAILED,
        ErrorKind.REDIRECT,
    },
    Stage.ANSWER: {
        ErrorKind.UPSTREAM_AUTH,
        ErrorKind.UPSTREAM_RATE_LIMITED,
        ErrorKind.UPSTREAM_ERROR,
        ErrorKind.UPSTREAM_REFUSED,
    },
    Stage.PARSE: {ErrorKind.NOT_JSON, ErrorKind.NOT_THE_FORMAT, ErrorKind.OUTPUT_PATH_NO_MATCH, ErrorKind.MODEL_NOT_LISTED},
}
_STAGE_OF = {kind: stage for stage, kinds in _STAGES.items() for kind in kinds}


def stage_of(kind: ErrorKind) -> Stage:
    """The stage of a call to which a failure belongs."""
    return _STAGE_OF[kind]


class ProviderError(Exception):
    """A call, or the preparation of one, failed.

    `message` is a sentence for the reader, `hint` says what to try, `provider_message` is what the provider said ("" where it
    said nothing), `retry_after` is in seconds.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        hint: str = "",
        *,
        retryable: bool = False,
        status: int | None = None,
        provider_message: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.retryable = retryable
        self.status = status
        self.provider_message = provider_message
        self.retry_after = retry_after

    @property
    def stage(self) -> Stage:
        """The stage to show with this failure."""
        return stage_of(self.kind)


class VariableError(ProviderError):
    """A template variable is unknown, missing or holds what it may not; `variable` is its name, for the form to point at."""

    def __init__(self, kind: ErrorKind, variable: str, message: str, hint: str = "") -> None:
        super().__init__(kind, message, hint)
        self.variable = variable
