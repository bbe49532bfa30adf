"""What request headers people may set (spec 07 B9)."""

import re

MAX_NAME_LENGTH = 256
MAX_VALUE_LENGTH = 8192  # characters, which are bytes here
TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
PRINTABLE = re.compile(r"[\x20-\x7e]*")
# The client sets these itself, or they would change how the message is framed or routed.
RESERVED = frozenset(
    {
        "host",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
        "expect",
    }
)


def check_header_name(name: str) -> None:
    """Raises ValueError with a sentence where a request header of this name may not be set."""
    if not name:
        raise ValueError("A header needs a name.")
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"A header name has at most {MAX_NAME_LENGTH} characters.")
    if not TOKEN.fullmatch(name):
        raise ValueError("A header name has letters, digits and hyphens only: no blanks, no colon.")
    if name.lower() in RESERVED or name.lower().startswith("proxy-"):
        raise ValueError(f"The header {name} is set by the connection itself and cannot be chosen.")


def check_header_value(value: str) -> None:
    """Raises ValueError with a sentence, which never repeats the value: it may be a secret."""
    if len(value) > MAX_VALUE_LENGTH:
        raise ValueError("A header value has at most 8,192 characters.")
    if not PRINTABLE.fullmatch(value):
        raise ValueError("A header value has printable ASCII characters only: no line breaks, tabs or accented letters.")
    if value != value.strip():
        raise ValueError("A header value may not begin or end with a blank.")
