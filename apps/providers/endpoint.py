"""The address of a call below a provider's base URL, which somebody may have changed to a proxy's or a regional host's."""

import re
from urllib.parse import quote

_VERSION = re.compile(r"v\d\w*")


def join_url(base: str, path: str) -> str:
    """The base URL with the path behind it. A version that ends the one and begins the other, such as /v1, stands there once."""
    base = base.strip().rstrip("/")
    version = path.split("/")[1]
    if _VERSION.fullmatch(version) and base.endswith(f"/{version}"):
        base = base.removesuffix(f"/{version}")
    return base + path


def as_segment(text: str) -> str:
    """Text as one segment of a path: a model ID with a slash, a colon or a brace in it stays one."""
    return quote(text, safe="-._~")
